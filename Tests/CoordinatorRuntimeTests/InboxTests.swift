// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Testing

@testable import CoordinatorRuntime
@testable import Transport

@Suite("What comes in waits in order and within bounds")
struct InboxTests {
  private let node = NodeName(checked: "n")
  private let first = Route(routingID: [1])
  private let second = Route(routingID: [2])

  private func heartbeat(_ version: UInt64, on route: Route) -> ListenerEvent {
    var report = NodeReport(node: node, boot: BootID(checked: "b"), agentVersion: "", phase: .empty)
    report.assignmentVersion = version
    return message(.heartbeat(report), on: route)
  }

  private func message(_ body: MessageBody, on route: Route, payload: Int = 0) -> ListenerEvent {
    .message(
      Inbound(
        envelope: Envelope(body), payload: [UInt8](repeating: 0, count: payload), peer: .node(node), route: route,
        bytes: payload))
  }

  private func request(_ number: UInt32) -> MessageBody { .operatorReply(OperatorReply(status: number)) }

  /// All that waits, in a few letters.
  private func drain(_ inbox: Inbox) -> [String] {
    var seen: [String] = []
    while let item = inbox.pop() {
      switch item {
      case .disconnected: seen.append("gone")
      case .message(let inbound):
        switch inbound.envelope.body {
        case .heartbeat(let report): seen.append("beat \(report.assignmentVersion)")
        case .operatorReply(let reply): seen.append("\(reply.status)")
        default: seen.append("?")
        }
      }
    }
    return seen
  }

  @Test("keeps the newest heartbeat of a link, in the place of its oldest")
  func coalesces() {
    let inbox = Inbox()
    for event in [
      heartbeat(1, on: first), message(request(7), on: first), heartbeat(5, on: second), heartbeat(2, on: first),
      .disconnected(second), heartbeat(3, on: first),
    ] { inbox.take(event) }
    #expect(drain(inbox) == ["beat 3", "7", "beat 5", "gone"])
    inbox.take(heartbeat(4, on: first))
    #expect(drain(inbox) == ["beat 4"])
  }

  @Test("drops and counts what does not fit, but never the end of a link")
  func bounded() {
    let inbox = Inbox(capacity: 2)
    for number in 0..<5 as Range<UInt32> { inbox.take(message(request(number), on: first)) }
    inbox.take(heartbeat(1, on: first))
    inbox.take(.disconnected(first))
    #expect(inbox.dropped == 4)
    #expect(drain(inbox) == ["0", "1", "gone"])
    inbox.take(heartbeat(2, on: first))
    #expect(drain(inbox) == ["beat 2"])
  }

  @Test("bounds the bytes of payloads, and gives them back")
  func payloads() {
    let inbox = Inbox()
    for _ in 0..<2 {
      inbox.take(message(request(1), on: first, payload: Inbox.byteCapacity))
      inbox.take(message(request(2), on: first, payload: 1))
      #expect(drain(inbox) == ["1"])
    }
    #expect(inbox.dropped == 2)
  }

  @Test("hands out thousands in order")
  func many() {
    let inbox = Inbox()
    var seen: [String] = []
    for number in 0..<5_000 as Range<UInt32> {
      inbox.take(message(request(number), on: first))
      if number % 3 == 0, let item = inbox.pop(), case .message(let inbound) = item,
        case .operatorReply(let reply) = inbound.envelope.body
      {
        seen.append("\(reply.status)")
      }
    }
    #expect(seen + drain(inbox) == (0..<5_000).map { "\($0)" })
  }
}
