// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Logging
import ReplicationCore
import Testing
import Transport

@testable import Replication

@Suite("A process with the key of a member whose place another one has", .timeLimit(.minutes(10)))
struct IncarnationTests {
  private let own = NodeName(checked: "node-1")
  private let peer = NodeName(checked: "node-2")
  private let vote = RaftMessage.timeoutNow(TimeoutNow(term: 1))

  /// Two processes of one node, with one key, connected to a third that listens.
  private final class Scene {
    let listener: ReplicationNetwork
    let original: ReplicationNetwork
    let clone: ReplicationNetwork
    let address: MemberAddress

    init(_ own: NodeName, _ peer: NodeName) throws {
      let (ownKey, peerKey) = (try CurveIdentity.generate(), try CurveIdentity.generate())
      listener = ReplicationNetwork(node: own, boot: .random(), identity: ownKey, logger: .quiet)
      let port = try listener.start(address: "127.0.0.1", port: 0)
      original = ReplicationNetwork(node: peer, boot: .random(), identity: peerKey, logger: .quiet)
      clone = ReplicationNetwork(node: peer, boot: .random(), identity: peerKey, logger: .quiet)
      address = MemberAddress(
        node: peer, replicationAddress: "127.0.0.1:1", driverAddress: "", publicKey: peerKey.publicKey.text)
      let target = MemberAddress(
        node: own, replicationAddress: "127.0.0.1:\(port)", driverAddress: "", publicKey: ownKey.publicKey.text)
      for network in [original, clone] { network.updatePeers([target]) }
    }

    /// What the coordinator says: the listener hears `boot` in the peer's name.
    func name(_ network: ReplicationNetwork) {
      listener.hearsCoordinator(true)
      var named = address
      named.boot = network.boot
      listener.updatePeers([named])
    }

    deinit { for network in [listener, original, clone] { network.close() } }
  }

  @Test("is refused by the others, votes and copies alike, until the coordinator gives it the place")
  func refused() async throws {
    let scene = try Scene(own, peer)
    scene.name(scene.original)
    while scene.original.load.counters.connected == 0 || scene.clone.load.counters.connected == 0 {
      await Task.yield()
    }
    scene.original.send(vote, to: own)
    while scene.listener.load.inbox.values < 1 { await Task.yield() }
    scene.clone.send(vote, to: own)
    while scene.listener.load.refusedIncarnations < 1 { await Task.yield() }
    #expect(scene.listener.load.inbox.values == 1, "the clone's message was taken")
    let copy = try scene.clone.copy(from: own)
    let error = await #expect(throws: MemberError.self) { _ = try await copy.begin() }
    await copy.close()
    #expect(
      error?.description.contains("another process has the place of node-2") == true, "\(String(describing: error))")

    scene.name(scene.clone)
    scene.clone.send(vote, to: own)
    while scene.listener.load.inbox.values < 2 { await Task.yield() }
    let refused = scene.listener.load.refusedIncarnations
    scene.original.send(vote, to: own)
    while scene.listener.load.refusedIncarnations == refused { await Task.yield() }
    #expect(scene.listener.load.inbox.values == 2, "the former process was heard")
  }
}
