// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Logging
import Secrets
import Testing

@Suite("What a local KMS keeps on disk")
struct RestartTests {
  private let deadline = Duration.seconds(300)

  /// What one run leaves for the next.
  private final class Kept: Sendable {
    let key: String
    let wrapped: WrappedMasterKey
    let secret: Secret

    init(key: String, wrapped: WrappedMasterKey, secret: Secret) {
      self.key = key
      self.wrapped = wrapped
      self.secret = secret
    }
  }

  private func unwrapAfterRestart(_ directory: String, _ kept: Kept) async throws {
    try await withLocalKMS(directory) { kms in
      let unwrapped = try await kms.service(kept.key)
        .unwrap(kept.wrapped, context: nodeContext, deadline: deadline)
      let isSame = kept.secret.isEqual(to: Secret(unwrapped))
      #expect(isSame)
    }
  }

  private func makeKey(_ kms: RunningKMS) async throws -> Kept {
    let key = try await kms.admin.createKey().keyID
    let master = try SecretBytes.random(count: 32)
    let wrapped = try await kms.service(key).wrap(master, context: nodeContext, deadline: deadline)
    return Kept(key: key, wrapped: wrapped, secret: Secret(master))
  }

  @Test("keys, states and credentials outlive a restart, and ready.json is there only while it serves")
  func restart() async throws {
    let folder = TestFolder()
    let box = Box<Kept>()
    try await withLocalKMS(folder.path) { kms in
      #expect(FileManager.default.fileExists(atPath: "\(kms.directory)/ready.json"))
      #expect(kms.ready.version == "1.2.3")
      box.value = try await makeKey(kms)
    }
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/ready.json"))
    let kept = try #require(box.value)
    try await unwrapAfterRestart(folder.path, kept)
  }

  @Test("each change is on disk before it is answered: a copy of the folder taken meanwhile has it")
  func crashImage() async throws {
    let folder = TestFolder()
    let image = TestFolder()
    let imagePath = image.path
    let box = Box<Kept>()
    try await withLocalKMS(folder.path) { kms in
      box.value = try await makeKey(kms)
      // What a kill at this moment leaves behind, with a half-written change beside the state.
      try FileManager.default.copyItem(atPath: kms.directory, toPath: imagePath)
      try Data("half".utf8).write(to: URL(fileURLWithPath: "\(imagePath)/state.sealed.new"))
    }
    try await unwrapAfterRestart(image.path, try #require(box.value))
  }

  @Test("every file is closed to others, and the folder too")
  func permissions() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in _ = try await kms.admin.createKey() }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(
      Set(files) == [
        "audit.jsonl", "ca.key", "ca.pem", "credentials.json", "lock", "root.key", "state.sealed",
      ])
    for file in [""] + files {
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(file)")
      #expect((attributes[.posixPermissions] as? Int).map { $0 & 0o077 } == 0, "\(file)")
    }
  }

  @Test("a state that was altered or moved to another root key is refused, never replaced", arguments: [0, 40, 200])
  func damage(offset: Int) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in _ = try await kms.admin.createKey() }
    let url = URL(fileURLWithPath: "\(folder.path)/state.sealed")
    var bytes = try Data(contentsOf: url)
    bytes[offset] ^= 0x40
    try bytes.write(to: url)
    let error = #expect(throws: LocalKMSError.self) {
      try LocalKMSServer(configuration: .init(directory: folder.path, port: 0), logger: Logger(label: "test"))
    }
    #expect(error?.code == .damaged)
    #expect(try Data(contentsOf: url) == bytes)
  }

  @Test("a missing root key beside a state is refused")
  func missingRoot() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { _ in }
    try FileManager.default.removeItem(atPath: "\(folder.path)/root.key")
    let error = #expect(throws: LocalKMSError.self) {
      try LocalKMSServer(configuration: .init(directory: folder.path, port: 0), logger: Logger(label: "test"))
    }
    #expect(error?.code == .damaged)
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/root.key"))
  }

  @Test("a second server for the same folder is refused")
  func twoServers() async throws {
    let folder = TestFolder()
    let path = folder.path
    try await withLocalKMS(path) { _ in
      let error = #expect(throws: LocalKMSError.self) {
        try LocalKMSServer(configuration: .init(directory: path, port: 0), logger: Logger(label: "test"))
      }
      #expect(error?.code == .inUse)
      #expect(FileManager.default.fileExists(atPath: "\(path)/ready.json"))
    }
  }

  @Test("only loopback addresses and sound settings are taken")
  func settings() {
    let configurations: [(inout LocalKMSConfiguration) -> Void] = [
      { $0.host = "0.0.0.0" }, { $0.host = "192.0.2.1" }, { $0.port = 70_000 }, { $0.region = "us/east" },
      { $0.accountID = "1" }, { $0.maximumConnections = 0 }, { $0.requestDeadline = .zero },
    ]
    let folder = TestFolder()
    for change in configurations {
      var configuration = LocalKMSConfiguration(directory: folder.path, port: 0)
      change(&configuration)
      let error = #expect(throws: LocalKMSError.self) {
        try LocalKMSServer(configuration: configuration, logger: Logger(label: "test"))
      }
      #expect(error?.code == .settings)
    }
    #expect(!FileManager.default.fileExists(atPath: folder.path))
  }
}
