// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Synchronization
import Testing

@testable import Transport

@Suite("Messages travel between a listener and its links", .timeLimit(.minutes(10)))
struct TransportRoundTripTests {
  @Test("carries a message and its answer, with payloads, and knows the peer by its key")
  func roundTrip() async throws {
    let stage = try Stage()
    let (link, events) = try await stage.connectedLink()
    let id = try link.send(Stage.heartbeat(7), payload: [1, 2, 3])
    let inbound = try await stage.events.message()
    #expect(inbound.peer == .node(Stage.node))
    #expect(inbound.payload == [1, 2, 3])
    #expect(inbound.envelope.messageID == id)
    guard case .timeoutNow(let body) = inbound.envelope.body else {
      Issue.record("another message came")
      return
    }
    #expect(body.term == 7)
    try stage.listener.send(
      Envelope(.timeoutNow(TimeoutNow(term: 8)), correlationID: 999), payload: [], to: inbound.route)
    let answer = try await events.message()
    #expect(answer.envelope.correlationID == 999)
    #expect(answer.payload.isEmpty)
    #expect(stage.listener.counters.received == 1)
    try await eventually { stage.listener.counters.sent == 1 && link.counters.sent == 1 }
  }

  @Test("keeps the order of thousands of messages, both ways")
  func order() async throws {
    let count: UInt64 = 5_000
    var limits = Stage.limits
    limits.queuedMessagesPerPeer = Int(count)
    let stage = try Stage(limits: limits)
    let (link, events) = try await stage.connectedLink(limits: limits)
    for term in 0..<count { try link.send(Stage.heartbeat(term)) }
    for term in 0..<count {
      let inbound = try await stage.events.message()
      guard case .timeoutNow(TimeoutNow(term: term)) = inbound.envelope.body else {
        Issue.record("message \(term) is missing or out of order")
        return
      }
      try stage.listener.send(Envelope(.timeoutNow(TimeoutNow(term: term))), to: inbound.route)
    }
    for term in 0..<count {
      guard case .timeoutNow(TimeoutNow(term: term)) = try await events.message().envelope.body else {
        Issue.record("answer \(term) is missing or out of order")
        return
      }
    }
  }

  @Test("carries a payload of a whole batch of documents")
  func largePayload() async throws {
    var limits = TransportLimits.replication
    limits.handshakeTimeoutMilliseconds = 5_000
    let stage = try Stage(limits: limits)
    let (link, events) = try await stage.connectedLink(limits: limits)
    let payload = (0..<(17 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try link.send(Stage.heartbeat(1), payload: payload)
    let inbound = try await stage.events.message()
    #expect(inbound.payload == payload)
    try stage.listener.send(Stage.heartbeat(2), payload: payload, to: inbound.route)
    #expect(try await events.message().payload == payload)
  }

  @Test("tells peers of several links apart")
  func severalPeers() async throws {
    let stage = try Stage()
    let operatorKey = try CurveIdentity.generate()
    stage.allowList.admit(operatorKey.publicKey, as: .operator(OperatorName(checked: "anna")))
    let (node, _) = try await stage.connectedLink()
    let (console, consoleEvents) = try stage.link(operatorKey)
    try console.start()
    try await console.connected(within: .seconds(300))
    try node.send(Stage.heartbeat(1))
    let first = try await stage.events.message()
    try console.send(Envelope(.operatorRequest(OperatorRequest(name: "status"))))
    let second = try await stage.events.message()
    #expect(first.peer == .node(Stage.node))
    #expect(second.peer == .operator(OperatorName(checked: "anna")))
    #expect(first.route != second.route)
    try stage.listener.send(Envelope(.operatorReply(OperatorReply(status: 0))), to: second.route)
    _ = try await consoleEvents.message()
    #expect(node.counters.received == 0)
  }

  @Test("lets a peer that reads nothing hold up nobody else, and keeps its messages in order")
  func slowPeer() async throws {
    var limits = Stage.limits
    limits.highWaterMark = 4
    // libzmq hears no heartbeats behind a full queue: on a slow machine it would end the connection.
    limits.heartbeatIntervalMilliseconds = 0
    let stage = try Stage(limits: limits)
    let slow = try RawPeer(stage, limits: limits)
    try slow.send(try Stage.heartbeat(0).encoded())
    let slowRoute = try await stage.events.message().route
    let count: UInt64 = 400
    let payload = [UInt8](repeating: 7, count: 64 << 10)
    for term in 0..<count { try stage.listener.send(Stage.heartbeat(term), payload: payload, to: slowRoute) }
    // The queue is not empty now: the kernel takes a few megabytes at most.
    let (link, events) = try await stage.connectedLink()
    try link.send(Stage.heartbeat(1))
    let route = try await stage.events.message().route
    try stage.listener.send(Stage.heartbeat(2), to: route)
    _ = try await events.message()
    for term in 0..<count {
      guard case .timeoutNow(TimeoutNow(term: term)) = try slow.receive().envelope.body else {
        Issue.record("message \(term) is missing or out of order")
        return
      }
    }
  }

  @Test("overwrites received bytes that may carry a secret")
  func wipes() throws {
    let frame = try Frame(Stage.heartbeat(1).encoded())
    _ = try frame.takeEnvelope()
    #expect(frame.bytes.allSatisfy { $0 == 0 })
    let payload = try Frame([1, 2, 3])
    #expect(payload.takeBytes() == [1, 2, 3])
    #expect(payload.bytes == [0, 0, 0])
  }
}
