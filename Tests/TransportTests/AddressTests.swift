// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Testing

@testable import Transport

@Suite("Peers connect only from addresses that are let in", .timeLimit(.minutes(10)))
struct AddressTests {
  private func link(
    _ stage: Stage, from source: String, limits: TransportLimits = Stage.limits
  ) throws -> (MessageLink, Mailbox<LinkEvent>) {
    let events = Mailbox<LinkEvent>()
    let link = try MessageLink(
      endpoint: stage.endpoint, from: source, serverKey: stage.server.publicKey, identity: stage.client,
      limits: limits, logger: Stage.quiet, onEvent: { events.put($0) })
    return (link, events)
  }

  private func rule(_ texts: String...) throws -> AddressRule { AddressRule(ranges: try texts.map { try IPRange($0) }) }

  @Test("hears a peer of the list, says where it comes from, and refuses another with the same key")
  func refuses() async throws {
    let stage = try Stage()
    stage.listener.admitOnly(try rule("127.0.0.64/26"))
    let (good, _) = try link(stage, from: "127.0.0.65")
    try good.start()
    try await good.connected(within: .seconds(300))
    try good.send(Stage.heartbeat(1))
    #expect(try await stage.events.message().address == "127.0.0.65")
    let (bad, events) = try link(stage, from: "127.0.0.5", limits: Stage.impatient)
    try bad.start()
    _ = try await events.next { event -> Bool? in
      switch event {
      case .disconnected, .refused: true
      default: nil
      }
    }
    #expect(!bad.isConnected)
    // The answer leaves before it is counted.
    try await eventually { stage.listener.counters.refusedAddresses >= 1 }
    #expect(good.isConnected)
  }

  @Test("ends a live connection as soon as its address is let in no more, and takes it again when it is")
  func ends() async throws {
    let stage = try Stage()
    let (link, events) = try link(stage, from: "127.0.0.65")
    try link.start()
    try await link.connected(within: .seconds(300))
    try link.send(Stage.heartbeat(1))
    let route = try await stage.events.message().route
    stage.listener.admitOnly(try rule("127.0.0.66"))
    _ = try await events.next { event -> Bool? in if case .disconnected = event { true } else { nil } }
    let gone = try await stage.events.next { event -> Route? in
      if case .disconnected(let route) = event { route } else { nil }
    }
    #expect(gone == route)
    stage.listener.admitOnly(try rule("127.0.0.65"))
    // It may have been refused often by now: only the event says that it is in.
    try await events.connected()
    try link.send(Stage.heartbeat(2))
    _ = try await stage.events.message()
  }

  @Test("ends a connection that has not said anything yet")
  func endsSilent() async throws {
    let stage = try Stage()
    let (link, events) = try link(stage, from: "127.0.0.65")
    try link.start()
    try await link.connected(within: .seconds(300))
    stage.listener.admitOnly(.localhost)
    _ = try await events.next { event -> Bool? in if case .disconnected = event { true } else { nil } }
    #expect(stage.listener.counters.refusedAddresses >= 1)
  }
}
