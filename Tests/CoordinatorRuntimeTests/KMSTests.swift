// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import DaemonRuntime
import Foundation
import KeyManagement
import Secrets
import Testing
import Transport

@testable import CoordinatorRuntime

private let shop = ProjectName(checked: "shop")

@Suite("KMS settings are proven before they are in force", .timeLimit(.minutes(10)))
struct KMSTests {
  @Test("wraps and unwraps a canary, then uses the settings")
  func proven() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      _ = try await admin.ask(.createProject(name: shop, owners: []))
      guard
        case .kms(let view) = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "s3cr3t")
      else { throw OperatorTests.Failure() }
      #expect(view.settingsVersion == 1 && view.lastCheck?.verdict == "valid")
      #expect(harness.kms.calls == 2)
      #expect(harness.kms.seenSecrets == [Array("s3cr3t".utf8)])
    }
  }

  @Test(
    "keeps the old settings if the proof fails, and names the missing right",
    arguments: [(KMSError.Operation.wrap, "kms:Encrypt"), (.unwrap, "kms:Decrypt"), (.describe, "kms:DescribeKey")])
  func notProven(_ sample: (KMSError.Operation, String)) async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      _ = try await admin.ask(.createProject(name: shop, owners: []))
      _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "old")
      harness.kms.fail(.accessDenied, in: sample.0)
      var other = FakeKMS.settings
      other.credentials = .awsAccessKey(id: "AKIAOTHER")
      let failure = try await admin.refused(.setKMS(project: shop, settings: other), secret: "new")
      #expect(failure?.code == .kmsFailed && failure?.next.contains(sample.1) == true)
      guard case .kms(let view) = try await admin.ask(.showKMS(project: shop)) else { throw OperatorTests.Failure() }
      #expect(view.credentials == .awsAccessKey(id: "AKIATEST") && view.settingsVersion == 1)
      harness.kms.fail(nil)
      _ = try await admin.ask(.checkKMS(project: shop))
      #expect(harness.kms.seenSecrets.last == Array("old".utf8))
    }
  }

  @Test("is checked with fresh credentials when somebody asks for it")
  func renewed() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      _ = try await admin.ask(.createProject(name: shop, owners: []))
      _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "s")
      #expect(harness.kms.renewals == 0)
      _ = try await admin.ask(.checkKMS(project: shop))
      #expect(harness.kms.renewals == 1)
    }
  }

  @Test("tells a revoked key from one that can't be asked")
  func verdicts() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      _ = try await admin.ask(.createProject(name: shop, owners: []))
      _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "s")
      for (kind, verdict) in [(KMSError.Kind.keyDisabled, "revoked"), (.timeout, "unreachable")] {
        harness.kms.fail(kind)
        guard case .kms(let view) = try await admin.ask(.checkKMS(project: shop)) else { throw OperatorTests.Failure() }
        #expect(view.lastCheck?.verdict == verdict)
      }
      harness.kms.fail(.corruptBlob)
      #expect(try await admin.refused(.checkKMS(project: shop))?.code == .failed)
      guard case .alerts(let alerts) = try await admin.ask(.listAlerts) else { throw OperatorTests.Failure() }
      #expect(alerts.contains { $0.subject == "shop" && $0.title == "KMS key not checked" })
    }
  }

  @Test("a wrap or describe that fails is an alert, never a verdict, and it closes by itself")
  func use() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      func alerts() async throws -> [AlertView] {
        guard case .alerts(let alerts) = try await admin.ask(.listAlerts) else { throw OperatorTests.Failure() }
        return alerts
      }
      _ = try await admin.ask(.createProject(name: shop, owners: []))
      _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "s")
      for (operation, right) in [(KMSError.Operation.wrap, "kms:Encrypt"), (.describe, "kms:DescribeKey")] {
        harness.kms.fail(.accessDenied, in: operation)
        guard case .kms(let view) = try await admin.ask(.checkKMS(project: shop)) else { throw OperatorTests.Failure() }
        #expect(view.lastCheck?.verdict == "valid")
        while try await alerts().isEmpty { await Task.yield() }
        let alert = try #require(try await alerts().first)
        #expect(alert.title == "KMS wrap or describe failed" && alert.severity == "warning")
        #expect(alert.next?.contains(right) == true && alert.subject == "shop")
        harness.kms.fail(nil)
        _ = try await admin.ask(.checkKMS(project: shop))
        while try await !alerts().isEmpty { await Task.yield() }
      }
    }
  }

  @Test("says that the key is not checked when the stored secret can't be opened")
  func foreignSecret() async throws {
    try await CoordinatorHarness.withFolder { directory in
      try await CoordinatorHarness.run(directory: directory) { harness in
        let admin = try await harness.admin()
        defer { admin.link.close() }
        _ = try await admin.ask(.createProject(name: shop, owners: []))
        _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "s")
      }
      try CoordinatorMemory(directory: directory).apply(
        [], secret: CoordinatorMemory.SealedSecret(project: shop, version: 1, sealed: [1, 2, 3]))
      try await CoordinatorHarness.run(directory: directory) { harness in
        let admin = try await harness.admin()
        defer { admin.link.close() }
        #expect(try await admin.refused(.checkKMS(project: shop))?.why.contains("can't be opened") == true)
        guard case .alerts(let alerts) = try await admin.ask(.listAlerts) else { throw OperatorTests.Failure() }
        #expect(alerts.map(\.title) == ["KMS key not checked"])
      }
    }
  }

  @Test("keeps no secret of settings that others without one replaced")
  func formerSecret() async throws {
    var other = FakeKMS.settings
    other.credentials = .awsRole(arn: "arn:aws:iam::111122223333:role/keyfold", externalID: nil, accessKeyID: nil)
    let machine = other
    try await CoordinatorHarness.withFolder { directory in
      try await CoordinatorHarness.run(directory: directory) { harness in
        let admin = try await harness.admin()
        defer { admin.link.close() }
        _ = try await admin.ask(.createProject(name: shop, owners: []))
        _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "s")
        guard case .kms(let view) = try await admin.ask(.setKMS(project: shop, settings: machine)) else {
          throw OperatorTests.Failure()
        }
        #expect(view.settingsVersion == 2)
      }
      let memory = try CoordinatorMemory(directory: directory)
      #expect(try memory.sealedSecret(of: shop, version: 1) == nil)
      #expect(try memory.sealedSecret(of: shop, version: 2) == nil)
    }
  }

  @Test("leaves no secret in clear on the disk")
  func atRest() async throws {
    let secret = "ThisSecretMustNotRestInClear"
    try await CoordinatorHarness.withFolder { directory in
      try await CoordinatorHarness.run(directory: directory) { harness in
        let admin = try await harness.admin()
        defer { admin.link.close() }
        _ = try await admin.ask(.createProject(name: shop, owners: []))
        _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: secret)
        try Self.scan(directory, for: secret)
      }
      try Self.scan(directory, for: secret)
    }
  }

  @Test("does not start with another root key in place of a lost one")
  func lostRootKey() async throws {
    try await CoordinatorHarness.withFolder { directory in
      try await CoordinatorHarness.run(directory: directory) { harness in
        let admin = try await harness.admin()
        defer { admin.link.close() }
        _ = try await admin.ask(.createProject(name: shop, owners: []))
        _ = try await admin.ask(.setKMS(project: shop, settings: FakeKMS.settings), secret: "s")
      }
      try FileManager.default.removeItem(atPath: directory + "/root.key")
      await #expect(throws: ConfigurationError.self) { try await CoordinatorHarness.run(directory: directory) { _ in } }
      #expect(!DurableFile.exists(directory + "/root.key"))
    }
  }

  @Test("seals under a root key that systemd gives as a credential, which its group may read, and finds it again")
  func systemdCredential() async {
    await #expect(processExitsWith: .success) {
      try await CoordinatorHarness.withFolder { directory in
        let credentials = directory + "-credentials"
        try FileManager.default.createDirectory(atPath: credentials, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: credentials) }
        let path = credentials + "/root.key"
        let key = Data((0..<32).map { _ in UInt8.random(in: 0...255) })
        #expect(FileManager.default.createFile(atPath: path, contents: key, attributes: [.posixPermissions: 0o440]))
        #expect(throws: ConfigurationError.self) {
          try RootKey.load(directory: directory, file: path, isSealed: false)
        }
        _ = unsafe setenv("CREDENTIALS_DIRECTORY", credentials, 1)
        let context = Array("kms secret".utf8)
        let sealed = try RootKey.load(directory: directory, file: path, isSealed: false).seal(
          Secret(try SecretBytes(copying: [1, 2, 3])), context: context)
        #expect(!DurableFile.exists(directory + "/root.key"), "none of its own is made beside it")
        let opened = try RootKey.load(directory: directory, file: path, isSealed: true).open(sealed, context: context)
        #expect(opened.withSecret { $0.unprotectedCopy() } == [1, 2, 3])
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: ConfigurationError.self) {
          try RootKey.load(directory: directory, file: path, isSealed: true)
        }
      }
    }
  }

  private static func scan(_ directory: String, for secret: String) throws {
    let files = try FileManager.default.contentsOfDirectory(atPath: directory)
    #expect(files.contains("coordinator.sqlite"))
    for file in files {
      let path = directory + "/" + file
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      #expect(data.range(of: Data(secret.utf8)) == nil, "\(file)")
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
      #expect((mode?.intValue ?? 0o777) & 0o077 == 0, "\(file)")
    }
  }
}
