// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import KeyManagement
import Testing
import Transport

@testable import CoordinatorRuntime

private let shop = ProjectName(checked: "shop")
private let orders = ClusterName(checked: "orders")

@Suite("An order to decrypt is taken after a look at the key, made for it", .timeLimit(.minutes(10)))
struct DecryptionTests {
  private struct Failure: Error {}

  /// A cluster of one node that is encrypted, and whose key the last check found valid.
  private func withEncrypted(
    _ body: @escaping @Sendable (CoordinatorHarness, OperatorClient) async throws -> Void
  ) async throws {
    try await ProofTests.withNode { harness, admin, _ in
      guard case .plan = try await admin.ask(.encryptCluster(name: orders)) else { throw Failure() }
      try await body(harness, admin)
    }
  }

  @Test("a key that was taken away since the last check is seen, and the refusal is kept; given back it may go on")
  func revoked() async throws {
    try await withEncrypted { harness, admin in
      harness.kms.fail(.keyDisabled)
      let before = harness.kms.renewals
      let failure = try await admin.refused(.decryptCluster(name: orders))
      #expect(
        failure?.code == .conflict && failure?.why.contains("keyDisabled") == true, "\(String(describing: failure))")
      #expect(harness.kms.renewals == before + 1)
      #expect(try await admin.plans().allSatisfy { !$0.kind.contains("decrypt") })
      guard case .audit(let page) = try await admin.ask(.readAudit(after: nil, limit: 100)) else { throw Failure() }
      #expect(page.links.last?.entry.detail.contains("refused") == true)

      harness.kms.fail(.timeout)
      #expect(try await admin.refused(.decryptCluster(name: orders))?.why.contains("saw it revoked") == true)

      harness.kms.fail(nil)
      guard case .plan = try await admin.ask(.decryptCluster(name: orders)) else { throw Failure() }
    }
  }

  @Test("a KMS that is out of reach holds nothing up")
  func outage() async throws {
    try await withEncrypted { harness, admin in
      harness.kms.fail(.timeout)
      guard case .plan = try await admin.ask(.decryptCluster(name: orders)) else { throw Failure() }
    }
  }

  @Test("a look that says nothing is no outage: the order is not taken, and what mends the canary is said")
  func silent() async throws {
    try await withEncrypted { harness, admin in
      harness.kms.fail(.corruptBlob)
      let failure = try await admin.refused(.decryptCluster(name: orders))
      #expect(failure?.next.contains("keyfold kms set") == true, "\(String(describing: failure))")
      #expect(try await admin.plans().allSatisfy { !$0.kind.contains("decrypt") })
    }
  }
}
