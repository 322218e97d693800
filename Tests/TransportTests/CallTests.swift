// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Synchronization
import Testing

@testable import Transport

@Suite("A call waits for its own answer, and not for ever", .timeLimit(.minutes(10)))
struct CallTests {
  private static let request = Envelope(.operatorRequest(OperatorRequest(name: "status")))

  private func stage() throws -> Stage { try Stage(peer: .operator(OperatorName(checked: "anna"))) }

  private func reply(_ status: UInt32, to inbound: Inbound, final: Bool = true) -> Envelope {
    Envelope(
      .operatorReply(OperatorReply(status: status, final: final)), correlationID: inbound.envelope.messageID)
  }

  private func code(_ body: () async throws -> Void) async -> TransportError.Code? {
    do {
      try await body()
      return nil
    } catch { return (error as? TransportError)?.code }
  }

  private func failure(_ body: () async throws(TransportError) -> Void) async -> TransportError? {
    do throws(TransportError) {
      try await body()
      return nil
    } catch { return error }
  }

  @Test("gets its own answer, whatever the order of the answers")
  func answers() async throws {
    let stage = try stage()
    let (link, _) = try await stage.connectedLink()
    async let first = link.call(Self.request, payload: [1], within: .seconds(300))
    async let second = link.call(Self.request, payload: [2], within: .seconds(300))
    let inbounds = [try await stage.events.message(), try await stage.events.message()]
    for inbound in inbounds.reversed() {
      try stage.listener.send(reply(0, to: inbound), payload: inbound.order?.copy ?? [], to: inbound.route)
    }
    #expect(try await first.payload == [1])
    #expect(try await second.payload == [2])
  }

  @Test("puts an answer together that comes in parts, in their order")
  func whole() async throws {
    let stage = try stage()
    let (link, _) = try await stage.connectedLink()
    async let answer = link.callForWhole(Self.request, within: .seconds(60))
    let inbound = try await stage.events.message()
    for number in 1...40 {
      let part = [UInt8](repeating: UInt8(number), count: 1 << 18)
      try stage.listener.send(reply(0, to: inbound, final: number == 40), payload: part, to: inbound.route)
    }
    let whole = try await answer.payload
    #expect(whole.count == 40 << 18)
    #expect(whole.indices.allSatisfy { Int(whole[$0]) == $0 >> 18 + 1 })
  }

  @Test("hears of progress before the answer")
  func progress() async throws {
    let stage = try stage()
    let (link, _) = try await stage.connectedLink()
    let seen = Mailbox<[UInt8]>()
    async let answer = link.call(Self.request, within: .seconds(300), onProgress: { seen.put($0.payload) })
    let inbound = try await stage.events.message()
    try stage.listener.send(reply(0, to: inbound, final: false), payload: [1], to: inbound.route)
    #expect(try await seen.next() == [1])
    try stage.listener.send(reply(0, to: inbound), payload: [2], to: inbound.route)
    #expect(try await answer.payload == [2])
  }

  @Test("throws the fault that answers it")
  func fault() async throws {
    let stage = try stage()
    let (link, _) = try await stage.connectedLink()
    async let failure = failure { () async throws(TransportError) in
      _ = try await link.call(Self.request, within: .seconds(300))
    }
    let inbound = try await stage.events.message()
    try stage.listener.send(
      Envelope(.fault(Fault(code: .notReady, text: "starting")), correlationID: inbound.envelope.messageID),
      to: inbound.route)
    let error = try #require(await failure)
    #expect(error.code == .fault)
    #expect(error.fault == Fault(code: .notReady, text: "starting"))
    #expect(error.isRetryable)
  }

  @Test("ends at its deadline; a late answer is counted and nothing else")
  func deadline() async throws {
    let stage = try stage()
    let (link, _) = try await stage.connectedLink()
    #expect(await code { _ = try await link.call(Self.request, within: .milliseconds(20)) } == .deadline)
    let inbound = try await stage.events.message()
    try stage.listener.send(reply(0, to: inbound), to: inbound.route)
    try await eventually { link.counters.lateReplies == 1 }
  }

  @Test("ends when its task is cancelled, before or after it began")
  func cancelled() async throws {
    let stage = try stage()
    let (link, _) = try await stage.connectedLink()
    let task = Task { await code { _ = try await link.call(Self.request, within: .seconds(3_600)) } }
    _ = try await stage.events.message()
    task.cancel()
    #expect(await task.value == .cancelled)
    let early = Task {
      unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
      return await code { _ = try await link.call(Self.request, within: .seconds(3_600)) }
    }
    #expect(await early.value == .cancelled)
  }

  @Test("is refused when too many wait already")
  func limit() async throws {
    var limits = Stage.limits
    limits.outstandingCalls = 1
    let stage = try stage()
    let (link, _) = try await stage.connectedLink(limits: limits)
    async let first = code { _ = try await link.call(Self.request, within: .seconds(300)) }
    let inbound = try await stage.events.message()
    #expect(await code { _ = try await link.call(Self.request, within: .seconds(300)) } == .congested)
    try stage.listener.send(reply(0, to: inbound), to: inbound.route)
    #expect(await first == nil)
    async let third = code { _ = try await link.call(Self.request, within: .seconds(300)) }
    let again = try await stage.events.message()
    try stage.listener.send(reply(0, to: again), to: again.route)
    #expect(await third == nil)
  }

  @Test("fails at once without a connection")
  func notConnected() async throws {
    let stage = try stage()
    let (link, _) = try stage.link()
    #expect(await code { _ = try await link.call(Self.request, within: .seconds(300)) } == .notConnected)
    #expect(await code { try await link.connected(within: .seconds(300)) } == .closed)
    stage.listener.close()
    try link.start()
    #expect(await code { try await link.connected(within: .milliseconds(30)) } == .deadline)
  }
}
