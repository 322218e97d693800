// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Testing

@testable import Transport

@Suite("Only enrolled keys are heard, and only as who they are", .timeLimit(.minutes(10)))
struct AdmissionTests {
  @Test("lets an unknown key in nowhere, and counts it")
  func unknownKey() async throws {
    let stage = try Stage()
    let (link, events) = try stage.link(try .generate(), limits: Stage.impatient)
    try link.start()
    #expect(try await events.refused() == .keyUnknown)
    #expect(throws: TransportError.self) { try link.send(Stage.heartbeat(1)) }
    // The answer leaves before it is counted, and the link tries again.
    try await eventually { stage.listener.counters.unknownKeys >= 1 }
    #expect(stage.listener.counters.received == 0)
    #expect(stage.listener.counters.connected == 0)
    #expect(link.counters.refusedHandshakes >= 1)
    await #expect(throws: TransportError.self) { try await link.connected(within: .seconds(300)) }
  }

  @Test("connects a key that is enrolled while it tries")
  func lateEnrolment() async throws {
    let stage = try Stage()
    let identity = try CurveIdentity.generate()
    let (link, events) = try stage.link(identity, limits: Stage.impatient)
    try link.start()
    _ = try await events.refused()
    stage.allowList.admit(identity.publicKey, as: .node(NodeName(checked: "orders-2")))
    try await events.connected()
  }

  @Test("tells a revoked key that it is revoked, and connects it again once it is admitted")
  func revokedKey() async throws {
    let stage = try Stage()
    stage.allowList.revoke(stage.client.publicKey)
    let (link, events) = try stage.link()
    try link.start()
    #expect(try await events.refused() == .keyRevoked)
    #expect(try await events.refused() == .keyRevoked)
    try await eventually { stage.listener.counters.revokedKeys >= 2 }
    stage.allowList.admit(stage.client.publicKey, as: .node(Stage.node))
    try await events.connected()
    try link.send(Stage.heartbeat(1))
    _ = try await stage.events.message()
  }

  @Test("drops the messages of a live connection whose key is revoked, and sends it nothing more")
  func revokedWhileConnected() async throws {
    let stage = try Stage()
    let (link, _) = try await stage.connectedLink()
    try link.send(Stage.heartbeat(1))
    let route = try await stage.events.message().route
    stage.allowList.revoke(stage.client.publicKey)
    let id = try stage.listener.send(Stage.heartbeat(2), to: route)
    let undelivered = try await stage.events.next { event -> UInt64? in
      if case .undelivered(_, let id) = event { id } else { nil }
    }
    #expect(undelivered == id)
    try link.send(Stage.heartbeat(3))
    #expect(try await stage.events.disconnected() == route)
    #expect(stage.listener.counters.droppedUnlisted == 1)
    #expect(stage.listener.counters.received == 1)
    #expect(link.counters.received == 0)
  }

  @Test("drops the messages of a live connection whose key now belongs to another peer")
  func reenrolled() async throws {
    let stage = try Stage()
    let (link, _) = try await stage.connectedLink()
    stage.allowList.replace([stage.client.publicKey: .node(NodeName(checked: "orders-2"))], revoked: [])
    try link.send(Stage.heartbeat(1))
    try await eventually { stage.listener.counters.droppedUnlisted == 1 }
    #expect(stage.listener.counters.received == 0)
  }

  @Test("drops a message that speaks for another node, and says so")
  func impostor() async throws {
    let stage = try Stage()
    let (link, events) = try await stage.connectedLink()
    for (count, node) in [NodeName(checked: "orders-2"), nil].enumerated() {
      let id = try link.send(Stage.heartbeat(1, node: node))
      let answer = try await events.message()
      guard case .fault(let fault) = answer.envelope.body else {
        Issue.record("no fault came")
        return
      }
      #expect(fault.code == .notAllowed)
      #expect(answer.envelope.correlationID == id)
      #expect(stage.listener.counters.droppedImpostor == UInt64(count + 1))
    }
    #expect(stage.listener.counters.received == 0)
    try link.send(Stage.heartbeat(2))
    _ = try await stage.events.message()
  }

  @Test("lets no operator speak as a node")
  func operatorAsNode() async throws {
    let stage = try Stage(peer: .operator(OperatorName(checked: "anna")))
    let (link, events) = try await stage.connectedLink()
    try link.send(Stage.heartbeat(1, node: Stage.node))
    _ = try await events.message()
    #expect(stage.listener.counters.droppedImpostor == 1)
  }

  @Test("does not connect to a server with another key, until it is told the right one")
  func wrongServerKey() async throws {
    let stage = try Stage()
    let (link, events) = try stage.link(serverKey: try CurveIdentity.generate().publicKey)
    try link.start()
    #expect(try await events.refused() == .keyUnknown)
    await #expect(throws: TransportError.self) { try await link.connected(within: .seconds(300)) }
    #expect(!link.isConnected)
    try link.setEndpoint(stage.endpoint, serverKey: stage.server.publicKey)
    try await events.connected()
    try link.send(Stage.heartbeat(1))
    _ = try await stage.events.message()
  }

  @Test("keeps trying however often it is refused, without using up sockets")
  func manyRefusals() async throws {
    var limits = Stage.limits
    limits.reconnectMinimumMilliseconds = 1
    limits.refusedMaximumMilliseconds = 1
    let stage = try Stage()
    let (link, events) = try stage.link(serverKey: try CurveIdentity.generate().publicKey, limits: limits)
    try link.start()
    for _ in 0..<200 { #expect(try await events.refused() == .keyUnknown) }
    try link.setEndpoint(stage.endpoint, serverKey: stage.server.publicKey)
    try await events.connected()
  }
}
