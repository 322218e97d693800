// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import CoordinatorCore
import Messages
import Testing

@testable import CoordinatorRuntime
@testable import Transport

@Suite("Requests about users reach the primary, whoever that is, and are answered in any case")
final class UserDeskTests {
  private static let orders = ClusterName(checked: "orders")
  private static let one = NodeName(checked: "node-1")
  private static let two = NodeName(checked: "node-2")
  private var desk = UserDesk()

  private func request(_ action: UserRequest.Action = .create) throws -> UserRequest {
    UserRequest(id: .random(), action: action, user: try DriverUserName("shop.alice"), role: .read)
  }

  private static func at(_ seconds: Int64) -> Instant { Instant(milliseconds: seconds * 1000) }

  private func open(_ request: UserRequest) {
    let isTaken = desk.open(
      request, cluster: Self.orders, asker: Asker(route: Self.route, messageID: 1, takesParts: true), now: Self.at(0))
    #expect(isTaken)
  }

  private static let route = Route(routingID: [1])

  /// Whom the desk sends to at a time, and the failure codes it answers with.
  private func tick(_ seconds: Int64, _ primary: NodeName?) -> (sent: [NodeName], failed: [OperatorFailure.Code]) {
    Self.read(desk.onTick(now: Self.at(seconds)) { _ in primary })
  }

  private static func read(
    _ directives: [UserDesk.Directive]
  ) -> (sent: [NodeName], failed: [OperatorFailure.Code]) {
    var result: (sent: [NodeName], failed: [OperatorFailure.Code]) = ([], [])
    for directive in directives {
      switch directive {
      case .send(_, let node): result.sent.append(node)
      case .answer(.failure(let failure), _): result.failed.append(failure.code)
      case .answer: break
      }
    }
    return result
  }

  @Test("sends once to the primary, again after silence, and at once to its successor")
  func sends() throws {
    open(try request())
    #expect(tick(0, nil).sent == [])
    #expect(tick(1, Self.one).sent == [Self.one])
    #expect(tick(2, Self.one).sent == [])
    #expect(tick(6, Self.one).sent == [Self.one])
    #expect(tick(7, Self.two).sent == [Self.two])
  }

  @Test("asks again when the node is not primary any more")
  func handOver() throws {
    let request = try request()
    open(request)
    _ = tick(0, Self.one)
    let refusal = desk.onReply(UserReply(id: request.id, outcome: .notNow, reason: "not primary"), from: Self.one)
    #expect(refusal.isEmpty)
    #expect(tick(1, Self.two).sent == [Self.two])
    let answers = desk.onReply(UserReply(id: request.id, outcome: .done), from: Self.two)
    guard case .answer(.users, _)? = answers.first else {
      Issue.record("no answer")
      return
    }
    let late = tick(40, Self.two)
    #expect(late == ([], []))
  }

  @Test("gives up in time and says whether it may have been done")
  func givesUp() throws {
    open(try request())
    #expect(tick(25, nil).failed == [.conflict])
    open(try request())
    _ = tick(1, Self.one)
    #expect(tick(25, Self.one).failed == [.failed])
  }

  @Test("takes it as done that a user is gone if an earlier answer may have been lost")
  func lostAnswer() throws {
    let first = try request(.remove)
    open(first)
    _ = tick(0, Self.one)
    let once = desk.onReply(UserReply(id: first.id, outcome: .notFound), from: Self.one)
    #expect(Self.read(once).failed == [.notFound])
    let second = try request(.remove)
    open(second)
    _ = tick(0, Self.one)
    _ = tick(6, Self.one)
    let twice = desk.onReply(UserReply(id: second.id, outcome: .notFound), from: Self.one)
    #expect(Self.read(twice).failed == [] && twice.count == 1)
  }

  @Test("answers every refusal with its code and what to do next")
  func refusals() throws {
    let expected: [(UserReply.Outcome, OperatorFailure.Code)] = [
      (.exists, .alreadyExists), (.notFound, .notFound), (.lastUser, .conflict), (.tooMany, .conflict),
      (.failed, .failed),
    ]
    for (outcome, code) in expected {
      let request = try request()
      open(request)
      _ = tick(0, Self.one)
      let answers = desk.onReply(UserReply(id: request.id, outcome: outcome, reason: "r"), from: Self.one)
      guard case .answer(.failure(let failure), _)? = answers.first else {
        Issue.record("no failure")
        return
      }
      #expect(failure.code == code && !failure.next.isEmpty && !failure.what.isEmpty)
    }
  }

  @Test("takes no more than so many at once")
  func limit() throws {
    for _ in 0..<UserDesk.maximumAsks { open(try request()) }
    let isTaken = desk.open(
      try request(), cluster: Self.orders, asker: Asker(route: Self.route, messageID: 1, takesParts: true),
      now: Self.at(0))
    #expect(!isTaken)
  }
}
