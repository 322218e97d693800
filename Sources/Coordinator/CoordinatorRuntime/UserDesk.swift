// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Messages

/// What operators asked about users and no primary has answered yet: a value without I/O and clock.
///
/// A request goes to the node that reports itself primary, again if that hands over or does not answer, and is answered
/// in any case before the operator's patience ends. Nothing of it is stored.
struct UserDesk: Sendable {
  /// How long a primary is looked for and asked; shorter than `keyfold` waits by default.
  static let patience = Duration.seconds(25)
  /// How long one node may take to answer before it is asked again.
  static let resend = Duration.seconds(5)
  /// How many requests may be open.
  static let maximumAsks = 100

  enum Directive: Sendable {
    case send(UserRequest, to: NodeName)
    case answer(OperatorAnswer, to: Asker)
  }

  private struct Ask: Sendable {
    let request: UserRequest
    let cluster: ClusterName
    let asker: Asker
    let deadline: Instant
    var asked: NodeName?
    var sentAt: Instant?
    var sends = 0
    var trouble: String?
  }

  private var asks: [CommandID: Ask] = [:]

  /// Takes an operator's request; false if there are too many.
  mutating func open(_ request: UserRequest, cluster: ClusterName, asker: Asker, now: Instant) -> Bool {
    guard asks.count < Self.maximumAsks else { return false }
    asks[request.id] = Ask(request: request, cluster: cluster, asker: asker, deadline: now + Self.patience)
    return true
  }

  /// Time passed, or somebody asked: sends what is due to whoever is primary, and gives up what took too long.
  mutating func onTick(now: Instant, primary: (ClusterName) -> NodeName?) -> [Directive] {
    var directives: [Directive] = []
    for (id, var ask) in asks.sorted(by: { $0.key < $1.key }) {
      if now >= ask.deadline {
        asks[id] = nil
        directives.append(
          .answer(.failure(Self.gaveUp(ask.request, ask.cluster, ask.trouble, ask.sends)), to: ask.asker))
        continue
      }
      guard let node = primary(ask.cluster) else {
        ask.trouble = ask.trouble ?? "The cluster has no primary that the coordinator hears of."
        asks[id] = ask
        continue
      }
      if let sentAt = ask.sentAt, ask.asked == node, now - sentAt < Self.resend { continue }
      ask.asked = node
      ask.sentAt = now
      ask.sends += 1
      ask.trouble = "Node \(node) was asked and has not answered."
      asks[id] = ask
      directives.append(.send(ask.request, to: node))
    }
    return directives
  }

  /// A node answered.
  mutating func onReply(_ reply: UserReply, from node: NodeName) -> [Directive] {
    guard var ask = asks[reply.id] else { return [] }
    if reply.outcome == .notNow {
      // Asked again at the next tick, whoever is primary then.
      ask.trouble = "Node \(node): \(reply.reason)"
      ask.sentAt = nil
      asks[reply.id] = ask
      return []
    }
    asks[reply.id] = nil
    return [.answer(Self.answer(reply, to: ask.request, of: ask.cluster, sends: ask.sends), to: ask.asker)]
  }

  private static func answer(
    _ reply: UserReply, to request: UserRequest, of cluster: ClusterName, sends: Int
  ) -> OperatorAnswer {
    let user = request.user?.description ?? ""
    func failure(_ code: OperatorFailure.Code, _ why: String, _ next: String) -> OperatorAnswer {
      .failure(OperatorFailure(code, what: notDone(request), why: why, next: next))
    }
    switch reply.outcome {
    case .done: return .users(reply.users)
    // The answer to the first try was lost: that it is gone is what was asked for.
    case .notFound where request.action == .remove && sends > 1: return .users(reply.users)
    case .exists:
      return failure(
        .alreadyExists, "There is a user \(user) already.",
        "Change the password with 'keyfold user password', or remove the user first.")
    case .notFound:
      return failure(.notFound, "There is no user \(user).", "See all with: keyfold user list --cluster \(cluster)")
    case .lastUser:
      return failure(
        .conflict, "It is the last user, and without one everybody could come in.",
        "Make another user first, for example an administrator: "
          + "keyfold user create admin.NAME --cluster \(cluster) --role admin …")
    case .tooMany:
      return failure(.conflict, "The cluster has as many users as it may have.", "Remove some that are not needed.")
    case .failed, .notNow: return failure(.failed, reply.reason, "Look into the log of the primary's agent.")
    }
  }

  private static func gaveUp(
    _ request: UserRequest, _ cluster: ClusterName, _ trouble: String?, _ sends: Int
  ) -> OperatorFailure {
    let next = "See what the cluster lacks with: keyfold cluster show \(cluster)"
    guard request.action != .list, sends > 0 else {
      return OperatorFailure(.conflict, what: notDone(request), why: trouble ?? "", next: next)
    }
    return OperatorFailure(
      .failed, what: "It is not known whether it was done.", why: trouble ?? "",
      next: "Look with 'keyfold user list --cluster \(cluster)' and do it again if need be.")
  }

  private static func notDone(_ request: UserRequest) -> String {
    let user = request.user?.description ?? ""
    return switch request.action {
    case .create: "User \(user) was not made."
    case .remove: "User \(user) was not removed."
    case .password: "The password of user \(user) was not changed."
    case .list: "The users can't be listed."
    }
  }
}
