// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing
import Transport

@testable import Replication

@Suite("Requests for copies", .timeLimit(.minutes(10)))
struct CopyRequestTests {
  private let source = NodeName(checked: "node-1")
  private let reader = NodeName(checked: "node-2")

  /// A member that handles nothing, and another one that wants copies of it.
  private func networks() throws -> (source: ReplicationNetwork, reader: ReplicationNetwork) {
    let (sourceKey, readerKey) = (try CurveIdentity.generate(), try CurveIdentity.generate())
    let listening = ReplicationNetwork(node: source, boot: .random(), identity: sourceKey, logger: .quiet)
    let port = try listening.start(address: "127.0.0.1", port: 0)
    let asking = ReplicationNetwork(node: reader, boot: .random(), identity: readerKey, logger: .quiet)
    listening.updatePeers([
      MemberAddress(
        node: reader, replicationAddress: "127.0.0.1:1", driverAddress: "", publicKey: readerKey.publicKey.text)
    ])
    asking.updatePeers([
      MemberAddress(
        node: source, replicationAddress: "127.0.0.1:\(port)", driverAddress: "", publicKey: sourceKey.publicKey.text)
    ])
    return (listening, asking)
  }

  @Test("count with their start keys against what may wait, and are refused by then; one key too long at once")
  func bounded() async throws {
    let (listening, asking) = try networks()
    let key = [UInt8](repeating: 7, count: CopyLimits.largestStartKeyBytes)
    let fitting = ReplicationNetwork.inboxByteCapacity / key.count
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 1...fitting {
        group.addTask { [source] in
          let copy = try asking.copy(from: source)
          _ = try? await copy.open(.random(), after: key, from: 0)
          await copy.close()
        }
        while listening.load.inbox.values < number { await Task.yield() }
      }
      #expect(listening.load.inbox.bytes >= fitting * key.count)
      for (key, reason) in [(key, "too many messages wait"), (key + [7], "bytes")] {
        let copy = try asking.copy(from: source)
        let error = await #expect(throws: MemberError.self) { _ = try await copy.open(.random(), after: key, from: 0) }
        await copy.close()
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
      }
      #expect(listening.load.inbox.values == fitting)
      listening.close()
      try await group.waitForAll()
    }
    asking.close()
  }
}
