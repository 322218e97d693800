// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Synchronization
import Testing

@testable import Transport

@Suite("Interruptions are noticed at once and end by themselves", .timeLimit(.minutes(10)))
struct InterruptionTests {
  private func code(_ body: () async throws -> Void) async -> TransportError.Code? {
    do {
      try await body()
      return nil
    } catch { return (error as? TransportError)?.code }
  }

  @Test("fails calls in flight when the connection ends, not at their deadline")
  func callsInFlight() async throws {
    let stage = try Stage()
    let (link, events) = try await stage.connectedLink()
    async let first = code { _ = try await link.call(Stage.heartbeat(1), within: .seconds(3_600)) }
    async let second = code { _ = try await link.call(Stage.heartbeat(2), within: .seconds(3_600)) }
    _ = try await stage.events.message()
    _ = try await stage.events.message()
    stage.listener.close()
    #expect(await first == .notConnected)
    #expect(await second == .notConnected)
    try await events.disconnected()
    #expect(!link.isConnected)
    #expect(throws: TransportError.self) { try link.send(Stage.heartbeat(3)) }
  }

  @Test("connects again when the listener is back on its port")
  func listenerRestarts() async throws {
    let stage = try Stage()
    let (link, events) = try await stage.connectedLink()
    try await events.connected()
    stage.listener.close()
    try await events.disconnected()
    let again = Mailbox<ListenerEvent>()
    var listener: MessageListener?
    while listener == nil {
      let next = MessageListener(
        port: stage.port, identity: stage.server, allowList: stage.allowList, limits: Stage.limits, logger: Stage.quiet,
        onEvent: { again.put($0) })
      // Another process may have been given the port meanwhile, for a link of its own.
      do throws(TransportError) {
        try next.start()
        listener = next
      } catch { if error.code != .address { throw error } }
    }
    try await events.connected()
    try link.send(Stage.heartbeat(1))
    _ = try await again.message()
  }

  @Test("tells the listener when a peer goes, and that nothing reaches it any more")
  func peerGoes() async throws {
    let stage = try Stage()
    let (link, _) = try await stage.connectedLink()
    try link.send(Stage.heartbeat(1))
    let route = try await stage.events.message().route
    link.close()
    #expect(try await stage.events.disconnected() == route)
    try stage.listener.send(Stage.heartbeat(2), to: route)
    _ = try await stage.events.next { event -> Bool? in if case .undelivered = event { true } else { nil } }
    #expect(stage.listener.counters.disconnected == 1)
  }

  @Test("gives a peer that connects again another route")
  func newRoute() async throws {
    let stage = try Stage()
    let (first, _) = try await stage.connectedLink()
    try first.send(Stage.heartbeat(1))
    let before = try await stage.events.message().route
    first.close()
    _ = try await stage.events.disconnected()
    let (second, _) = try await stage.connectedLink()
    try second.send(Stage.heartbeat(2))
    #expect(try await stage.events.message().route != before)
  }

  @Test("refuses a second listener on the same port")
  func portTaken() async throws {
    let stage = try Stage()
    let second = MessageListener(
      port: stage.port, identity: stage.server, allowList: stage.allowList, logger: Stage.quiet, onEvent: { _ in })
    do throws(TransportError) {
      try second.start()
      Issue.record("two listeners share a port")
    } catch { #expect(error.code == .address) }
  }

  @Test("can be closed twice, before the start, and from an event")
  func closing() async throws {
    let stage = try Stage()
    let (unstarted, _) = try stage.link()
    unstarted.close()
    let closed = Mailbox<Void>()
    let holder = Mutex<MessageLink?>(nil)
    let link = try MessageLink(
      endpoint: stage.endpoint, serverKey: stage.server.publicKey, identity: stage.client, logger: Stage.quiet
    ) { event in
      guard case .connected = event else { return }
      holder.withLock { $0 }?.close()
      closed.put(())
    }
    holder.withLock { $0 = link }
    try link.start()
    try await closed.next()
    #expect(throws: TransportError.self) { try link.send(Stage.heartbeat(1)) }
    #expect(await code { try await link.connected(within: .seconds(300)) } == .closed)
    link.close()
    holder.withLock { $0 = nil }
    stage.listener.close()
    stage.listener.close()
    #expect(throws: TransportError.self) { try stage.listener.send(Stage.heartbeat(1), to: Route(routingID: [])) }
  }

  @Test("hands over nothing that waited when the connection ended")
  func nothingStale() async throws {
    let wake = WakeSignal()
    let queue = OutboundQueue(limits: Stage.limits, wake: wake, gate: .open)
    _ = try queue.submit(Stage.heartbeat(1), payload: [], to: nil)
    queue.setGate(.notConnected)
    #expect(await code { _ = try queue.submit(Stage.heartbeat(2), payload: [], to: nil) } == .notConnected)
    #expect(queue.takeFresh().count == 1)
    queue.setGate(.closed)
    queue.setGate(.open)
    #expect(await code { _ = try queue.submit(Stage.heartbeat(3), payload: [], to: nil) } == .closed)
  }
}
