// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import KeyHierarchy
import Messages
import Secrets
import Synchronization
import Testing

@testable import AgentRuntime

/// A disk that hangs at a sync until it is let go. It lets go by itself in the end, so that a node that waits for it
/// fails the test and does not hang it.
private final class HangingDisk: Sendable {
  private let entered = Mutex(false)
  private let gate = DispatchSemaphore(value: 0)
  private let isGivenUp = Mutex(false)

  var hangs: Bool { entered.withLock { $0 } }
  var gaveUp: Bool { isGivenUp.withLock { $0 } }

  func sync() {
    entered.withLock { $0 = true }
    if gate.wait(timeout: .now() + 300) == .timedOut { isGivenUp.withLock { $0 = true } }
  }

  func letGo() { gate.signal() }
}

@Suite("A disk that hangs while a keystore is replaced", .timeLimit(.minutes(10)))
struct HangingDiskTests {
  private let generation = GenerationID.random()

  private func wrapped(under key: String) -> WrappedMasterKey {
    WrappedMasterKey(
      provider: .aws, keyID: key, keyVersion: "", region: "eu-central-1", createdAtMilliseconds: 1, blob: [1, 2, 3])
  }

  /// A keystore under the key "old" whose second write hangs.
  private func keystore(on disk: HangingDisk) throws -> Keystore {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-\(UUID().uuidString)").path
    let syncs = Atomic(0)
    let file = KeystoreFile(path: path) { step throws(KeystoreFile.Fault) in
      if step == .sync, syncs.add(1, ordering: .relaxed).newValue == 2 { disk.sync() }
    }
    return try Keystore.create(
      in: file,
      identity: KeystoreIdentity(
        cluster: ClusterName(checked: "orders"), node: NodeName(checked: "node-1"), generation: generation),
      master: try MasterKey.generate(), wrapped: wrapped(under: "old"))
  }

  private var lockOut: Welcome {
    Welcome(
      assignment: NodeAssignment(
        version: 7, project: ProjectName(checked: "shop"), cluster: ClusterName(checked: "orders"), members: [],
        kms: nil, settingsVersion: 1, running: true, disabledReason: "the key is disabled"),
      kmsSecret: nil, heartbeatMilliseconds: 1000)
  }

  @Test("does not keep the node from a lock-out, and both keys count as needed until it is known which one is")
  func lockedOut() async throws {
    try SecureHeap.initialize(allowingUnlocked: true)
    let shell = try RequestRoomTests().makeShell()
    let disk = HangingDisk()
    let keystore = try keystore(on: disk)
    let (version, fresh) = (keystore.version, wrapped(under: "new"))
    async let replaced: Void = shell.replace(keystore, as: fresh) {
      try keystore.replaceWrappedMasterKey(fresh, expectedVersion: version)
    }
    while !disk.hangs { await Task.yield() }
    await shell.receive(Envelope(.welcome(lockOut), epoch: Epoch(number: 1, incarnation: 7)))
    #expect(await shell.nodeReport().assignmentVersion == 7, "the order to close was heard")
    #expect(await shell.nodeReport().otherGenerations?.map(\.customerKeyID) == ["new"])
    #expect(keystore.wrappedMasterKey?.keyID == "old", "readers do not wait for the disk")
    #expect(!disk.gaveUp, "the lock-out waited for the disk")
    disk.letGo()
    try await replaced
    #expect(keystore.wrappedMasterKey?.keyID == "new")
    #expect(await shell.nodeReport().otherGenerations == nil)
    await shell.shutDown()
  }

  @Test("a replacement that was overtaken changes nothing")
  func overtaken() async throws {
    try SecureHeap.initialize(allowingUnlocked: true)
    let shell = try RequestRoomTests().makeShell()
    let disk = HangingDisk()
    disk.letGo()
    let keystore = try keystore(on: disk)
    let (version, fresh) = (keystore.version, wrapped(under: "new"))
    try keystore.addKey(for: .system)
    await #expect(throws: KeystoreError.self) {
      try await shell.replace(keystore, as: fresh) {
        try keystore.replaceWrappedMasterKey(fresh, expectedVersion: version)
      }
    }
    #expect(keystore.wrappedMasterKey?.keyID == "old")
    #expect(await shell.nodeReport().otherGenerations == nil)
    await shell.shutDown()
  }
}
