// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation
import KeyManagement
import LocalKMS
import Logging
import Testing

/// The error a call of the operator ends with, nil if it does not fail.
private func refusal(_ body: () async throws(LocalKMSError) -> Void) async -> LocalKMSError? {
  do { try await body() } catch { return error }
  return nil
}

@Suite("What a local KMS tells its operator of a refusal")
struct RefusalTests {
  @Test("says what is wrong in the server's words, and whether it is there")
  func words() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let admin = kms.admin
      let key = try await admin.createKey(isMultiRegion: true).keyID
      _ = try await admin.createRole("r1")
      _ = try await admin.replicate(key, to: "eu-central-1")
      let root = kms.credentials.accessKeyID
      let long = String(repeating: "x", count: 9000)
      let samples: [(LocalKMSError.Code, String, () async throws(LocalKMSError) -> Void)] = [
        (
          .alreadyExists, "there is a role r1 already",
          { () throws(LocalKMSError) in _ = try await admin.createRole("r1") }
        ),
        (.notFound, "there is no role gone", { () throws(LocalKMSError) in try await admin.deleteRole("gone") }),
        (
          .refused, "the first access key cannot be deleted",
          { () throws(LocalKMSError) in try await admin.deleteAccessKey(root) }
        ),
        (
          .notFound, "there is no access key NOPE",
          { () throws(LocalKMSError) in try await admin.setDenied(true, accessKeyID: "NOPE", keyID: key) }
        ),
        (.notFound, "there is no fault 99", { () throws(LocalKMSError) in try await admin.clearFaults(99) }),
        (.notFound, "there is no identity x", { () throws(LocalKMSError) in try await admin.deleteIdentity("x") }),
        (.invalid, "Invalid keyId nosuch", { () throws(LocalKMSError) in _ = try await admin.describe("nosuch") }),
        (
          .notFound, "does not exist",
          { () throws(LocalKMSError) in _ = try await admin.describe("0f0f0f0f-0000-4000-8000-000000000000") }
        ),
        (
          .invalid, "Description is longer than 8192 bytes",
          { () throws(LocalKMSError) in _ = try await admin.createKey(summary: long) }
        ),
        (
          .alreadyExists, "already exists",
          { () throws(LocalKMSError) in _ = try await admin.replicate(key, to: "eu-central-1") }
        ),
        (
          .notFound, "not found",
          { () throws(LocalKMSError) in
            try await admin.disable("projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1")
          }
        ),
      ]
      for sample in samples {
        let error = await refusal(sample.2)
        #expect(error?.code == sample.0, "\(sample.1): \(error?.description ?? "no error")")
        #expect(error?.description.contains(sample.1) == true, "\(sample.1): \(error?.description ?? "no error")")
        #expect(error?.description.contains("gives no meaning") != true)
      }
    }
  }

  @Test("a life of zero seconds is refused with the range, and leaves no file and no key")
  func noLife() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let file = "\(kms.directory)/app.json"
      let before = try await kms.admin.accessKeys()
      let error = await refusal { () throws(LocalKMSError) in
        _ = try await kms.admin.createAccessKey(writingTo: file, lasting: .zero)
      }
      #expect(error?.code == .invalid)
      #expect(error?.description.contains("between 1 and 129600") == true)
      #expect(!FileManager.default.fileExists(atPath: file))
      #expect(try await kms.admin.accessKeys() == before)
    }
  }

  @Test("a file that is there is not overwritten, and nothing is made for it")
  func existingFile() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let file = "\(kms.directory)/app.json"
      let id = try await kms.admin.createAccessKey(writingTo: file)
      let contents = try Data(contentsOf: URL(fileURLWithPath: file))
      let (keys, identities) = (try await kms.admin.accessKeys(), try await kms.admin.identities())
      let errors = [
        await refusal { () throws(LocalKMSError) in _ = try await kms.admin.createAccessKey(writingTo: file) },
        await refusal { () throws(LocalKMSError) in
          _ = try await kms.admin.createIdentity(kind: "azure", isAdministrator: false, writingTo: file)
        },
      ]
      for error in errors {
        #expect(error?.code == .fileExists)
        #expect(error?.description.contains("is there already") == true)
      }
      #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == contents)
      #expect(try await kms.admin.accessKeys() == keys && keys.contains(id))
      #expect(try await kms.admin.identities() == identities)
    }
  }

  @Test("tells who is denied a key, of every dialect")
  func denied() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      _ = try await kms.admin.createRole("app")
      let id = try await kms.admin.createAccessKey(writingTo: "\(kms.directory)/app.json")
      #expect(try await kms.admin.denied(key) == [])
      try await kms.admin.setDenied(true, accessKeyID: id, keyID: key)
      try await kms.admin.setDenied(true, accessKeyID: "role/app", keyID: key)
      #expect(try await kms.admin.denied(key) == [id, "role/app"])
      try await kms.admin.setDenied(false, accessKeyID: id, keyID: key)
      #expect(try await kms.admin.denied(key) == ["role/app"])
      let client = try await kms.admin.createIdentity(
        kind: "azure", isAdministrator: false, writingTo: "\(kms.directory)/client.json")
      let vaultKey = try await kms.admin.createVaultKey("orders")
      try await kms.admin.setDenied(true, accessKeyID: client, keyID: vaultKey)
      #expect(try await kms.admin.denied(vaultKey) == [client])
    }
  }

  @Test("a port that is in use is named, with the option to choose another")
  func busyPort() async throws {
    let folder = TestFolder()
    let other = TestFolder()
    let path = other.path
    try await withLocalKMS(folder.path) { kms in
      let server = try LocalKMSServer(
        configuration: .init(directory: path, port: kms.ready.port), logger: Logger(label: "test"))
      let error = await #expect(throws: LocalKMSError.self) { try await server.run() }
      #expect(error?.code == .listening)
      #expect(
        error?.description.contains("port \(kms.ready.port) is in use, by another local KMS? choose --port") == true)
    }
  }

  @Test("a host that is no address is refused by its name", arguments: ["abc", "999.1.1.1", "localhost", ""])
  func badHost(_ host: String) {
    let folder = TestFolder()
    let error = #expect(throws: LocalKMSError.self) {
      try LocalKMSServer(
        configuration: .init(directory: folder.path, host: host, port: 0, isExposed: true),
        logger: Logger(label: "test"))
    }
    #expect(error?.code == .settings)
    #expect(error?.description.contains("the host '\(host)' is not one address") == true)
  }
}

@Suite("A local KMS that lost its state")
struct LostStateTests {
  private func refusal(_ path: String) -> LocalKMSError? {
    #expect(throws: LocalKMSError.self) {
      try LocalKMSServer(configuration: .init(directory: path, port: 0), logger: Logger(label: "test"))
    }
  }

  @Test(
    "does not start empty while anything else of it is there",
    arguments: ["root.key", "credentials.json", "audit.jsonl"])
  func lost(trace: String) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in _ = try await kms.admin.createKey() }
    for file in ["state.sealed", "root.key", "credentials.json", "audit.jsonl"] where file != trace {
      try FileManager.default.removeItem(atPath: "\(folder.path)/\(file)")
    }
    let error = refusal(folder.path)
    #expect(error?.code == .damaged)
    #expect(error?.description.contains("state.sealed is missing, although \(trace) is there") == true)
    #expect(error?.description.contains("restore it from a copy") == true)
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/state.sealed"))
  }

  @Test("a first start that was interrupted before its state begins anew")
  func interruptedBefore() async throws {
    let folder = TestFolder()
    try FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
    try Data(repeating: 7, count: 32).write(to: URL(fileURLWithPath: "\(folder.path)/root.key.first"))
    try await withLocalKMS(folder.path) { kms in _ = try await kms.admin.createKey() }
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/root.key.first"))
  }

  @Test("a first start that was interrupted after its state goes on with it")
  func interruptedAfter() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in _ = try await kms.admin.createKey() }
    try FileManager.default.moveItem(
      atPath: "\(folder.path)/root.key", toPath: "\(folder.path)/root.key.first")
    try await withLocalKMS(folder.path) { kms in
      let count = try await kms.admin.keys().count
      #expect(count == 1)
    }
    #expect(FileManager.default.fileExists(atPath: "\(folder.path)/root.key"))
  }
}
