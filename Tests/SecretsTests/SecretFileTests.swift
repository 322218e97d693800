// SPDX-License-Identifier: GPL-3.0-or-later
import Glibc
import Testing

@testable import Secrets

@Suite("A secret file is read only if nobody else can read it")
struct SecretFileTests {
  @Test("reads what it wrote, closed to others, and leaves nothing beside it")
  func roundTrip() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/root.key"
    let secret = try SecretBytes.random(count: 32)
    try SecretFile.create(path, holding: secret)
    let same1 = try SecretFile.read(path).isEqual(to: secret)
    #expect(same1)
    #expect(try OpenFile.reading(path).status().mode == 0o600)
    let names = try folder.names
    #expect(names == ["root.key"])
  }

  @Test("never overwrites a secret")
  func neverOverwrites() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/root.key"
    let secret = try SecretBytes.random(count: 32)
    try SecretFile.create(path, holding: secret)
    let error = #expect(throws: SecretsError.self) {
      try SecretFile.create(path, holding: SecretBytes.random(count: 32))
    }
    #expect(error?.code == .fileExists)
    let same2 = try SecretFile.read(path).isEqual(to: secret)
    #expect(same2)
    let names = try folder.names
    #expect(names == ["root.key"])
  }

  @Test("refuses a file others can get at, and says how to close it", arguments: [0o640, 0o604, 0o660, 0o610, 0o601])
  func refusesOpenFiles(mode: UInt32) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("secret", to: "key", mode: mode)
    let error = #expect(throws: SecretsError.self) { _ = try SecretFile.read(path) }
    #expect(error?.code == .filePermissions)
    #expect(error?.description.contains("chmod 600 \(path)") == true)
  }

  @Test("refuses what is missing, empty, too large or no file", arguments: ["missing", "empty", "large", "folder"])
  func refuses(what: String) throws {
    let folder = try TemporaryFolder()
    let path: String
    let expected: SecretsError.Code
    switch what {
    case "missing": (path, expected) = ("\(folder.path)/none", .fileMissing)
    case "empty": (path, expected) = (try folder.write("", to: "key"), .fileEmpty)
    case "large": (path, expected) = (try folder.write(String(repeating: "x", count: 101), to: "key"), .fileTooLarge)
    default: (path, expected) = (folder.path, .fileUnusable)
    }
    let error = #expect(throws: SecretsError.self) { _ = try SecretFile.read(path, limit: 100) }
    #expect(error?.code == expected)
    #expect(error?.description.contains(path) == true)
  }

  @Test("is not held up by a pipe in the file's place")
  func refusesPipe() throws {
    let folder = try TemporaryFolder()
    let path = "\(folder.path)/pipe"
    #expect(unsafe mkfifo(path, 0o600) == 0)
    let error = #expect(throws: SecretsError.self) { _ = try SecretFile.read(path) }
    #expect(error?.code == .fileUnusable)
  }

  @Test(
    "trims one line end if asked",
    arguments: [("secret\n", "secret"), ("secret\r\n", "secret"), ("secret", "secret"), ("secret\n\n", "secret\n")])
  func trims(written: String, expected: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(written, to: "key")
    #expect(try SecretFile.read(path, trimmingNewline: true).unprotectedCopy() == Array(expected.utf8))
    #expect(try SecretFile.read(path).unprotectedCopy() == Array(written.utf8))
  }

  @Test("takes a file of one line end for empty")
  func refusesBlank() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("\n", to: "key")
    let error = #expect(throws: SecretsError.self) { _ = try SecretFile.read(path, trimmingNewline: true) }
    #expect(error?.code == .fileEmpty)
  }

  @Test("takes systemd's credentials, which a group may read")
  func readsCredentials() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let path = try folder.write("secret", to: "credential", mode: 0o440)
      #expect(throws: SecretsError.self) { _ = try SecretFile.read(path) }
      _ = unsafe setenv("CREDENTIALS_DIRECTORY", folder.path, 1)
      #expect(try SecretFile.read(path).count == 6)
    }
  }
}
