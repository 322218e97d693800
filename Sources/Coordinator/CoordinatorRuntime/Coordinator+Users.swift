// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Logging
internal import Messages
internal import Secrets

/// Users of clusters: passed on to the primary and never kept. The log keeps that it happened, and to whom.
extension Coordinator {
  /// Passes an operator's command on; the answer comes from a node.
  func startUserRequest(_ command: OperatorCommand, credential: Secret?, asker: Asker) throws {
    switch command {
    case .createUser(let cluster, let name, let role):
      try start(.create, user: name, role: role, cluster: cluster, credential: credential, asker: asker)
    case .setUserPassword(let cluster, let name):
      try start(.password, user: name, cluster: cluster, credential: credential, asker: asker)
    case .removeUser(let cluster, let name): try start(.remove, user: name, cluster: cluster, asker: asker)
    case .listUsers(let cluster): try start(.list, cluster: cluster, asker: asker)
    default: break
    }
  }

  private func start(
    _ action: UserRequest.Action, user: DriverUserName? = nil, role: DriverRole? = nil, cluster: ClusterName,
    credential: Secret? = nil, asker: Asker
  ) throws {
    let record = try found { () throws(CoordinatorError) in try core.cluster(named: cluster) }
    if let lockout = record.lockout {
      throw OperatorFailure(
        .conflict, what: "It was not done: users are kept in the cluster's own data.",
        why: "Cluster \(cluster) is disabled: \(lockout.reason).",
        next: "Give the key back in the KMS, then: keyfold cluster try-again \(cluster)")
    }
    if action == .create || action == .password {
      guard let credential, (1...UserRequest.maximumCredentialBytes).contains(credential.count) else {
        throw OperatorFailure(
          .invalid, what: "The request carries no credential.", next: "Use the keyfold of the coordinator's version.")
      }
    }
    let request = UserRequest(id: .random(), action: action, user: user, role: role, credential: credential)
    guard userDesk.open(request, cluster: cluster, asker: asker, now: now) else {
      throw OperatorFailure(
        .conflict, what: "It was not done.", why: "Too many requests about users are under way.",
        next: "Try again in a moment.")
    }
    if action != .list {
      try perform(core.keepOrder())
      logger.notice(
        "users are to change",
        metadata: [
          "action": "\(action.rawValue)", "cluster": "\(cluster)", "user": "\(user?.description ?? "")",
          "role": "\(role?.rawValue ?? "-")", "request": "\(request.id)",
        ])
    }
    attendUserDesk()
  }

  /// Sends what is due.
  func attendUserDesk() {
    let now = now
    perform(userDesk.onTick(now: now) { cluster in primary(of: cluster, now: now) })
  }

  /// A node answered.
  func hear(_ reply: UserReply, from node: NodeName) {
    logger.notice(
      "a node answered about users",
      metadata: [
        "node": "\(node)", "outcome": "\(reply.outcome)", "reason": "\(reply.reason)", "request": "\(reply.id)",
      ])
    perform(userDesk.onReply(reply, from: node))
  }

  /// The node that reports itself primary; of several, which a partition can leave, that of the latest term.
  private func primary(of name: ClusterName, now: Instant) -> NodeName? {
    guard let cluster = try? core.cluster(named: name) else { return nil }
    let primaries = cluster.nodes.filter { node in
      core.isHeard(node, now: now) && core.report(of: node)?.replication?.role == .primary
    }
    return primaries.max { left, right in
      core.report(of: left)?.replication?.term ?? 0 < core.report(of: right)?.replication?.term ?? 0
    }
  }

  private func perform(_ directives: [UserDesk.Directive]) {
    for directive in directives {
      switch directive {
      case .send(let request, let node): send(.userRequest(request), to: node)
      case .answer(let answer, let asker): reply(answer, to: asker)
      }
    }
  }
}
