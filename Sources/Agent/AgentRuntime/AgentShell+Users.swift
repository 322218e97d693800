// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import DocumentServer
internal import Logging
internal import Messages
internal import Sealing
internal import Secrets

/// Users of the cluster, as the coordinator asks for them on an operator's behalf.
extension AgentShell {
  /// Lets a request begin, or answers that there is no room for it now.
  func take(_ request: UserRequest) {
    if userRequests.enter() { return _ = jobQueue.yield(.users(request)) }
    let reason = "it works on \(userRequests.limit) other requests and takes no more now"
    send(.userReply(UserReply(id: request.id, outcome: .notNow, reason: reason)))
  }

  /// Carries out a request on the primary; every request is answered.
  func perform(_ request: UserRequest) async {
    let reply: UserReply
    do {
      let users = try await UserOrders.perform(try request.order, request: request.id, on: engine)
      if request.action != .list {
        logger.notice(
          "users changed",
          metadata: ["action": "\(request.action.rawValue)", "user": "\(request.user?.description ?? "")"])
      }
      reply = UserReply(id: request.id, outcome: .done, users: users)
    } catch let refusal as UserRefusal {
      reply = UserReply(id: request.id, outcome: UserReply.Outcome(refusal.code))
    } catch let error as EngineError where error.code != .storage {
      // Also when the outcome is not known: the same request again changes nothing.
      reply = UserReply(id: request.id, outcome: .notNow, reason: error.description)
    } catch {
      reply = UserReply(id: request.id, outcome: .failed, reason: "\(error)")
    }
    send(.userReply(reply))
  }
}

extension UserReply.Outcome {
  fileprivate init(_ code: UserRefusal.Code) {
    self =
      switch code {
      case .exists: .exists
      case .notFound: .notFound
      case .lastUser: .lastUser
      case .tooMany: .tooMany
      }
  }
}

extension UserRequest {
  /// The request in the document server's terms. Throws `AgentError` if a part is missing.
  fileprivate var order: UserOrder {
    get throws {
      if action == .list { return .list }
      guard let user else { throw Self.incomplete }
      switch action {
      case .create:
        guard let role else { throw Self.incomplete }
        return .create(DriverUser(name: user, role: role), try scramCredential)
      case .password: return .setPassword(user, try scramCredential)
      case .remove, .list: return .remove(user)
      }
    }
  }

  private var scramCredential: ScramCredential {
    get throws {
      guard let credential else { throw Self.incomplete }
      return try credential.withSecret { (secret) throws(SealingError) in
        try ScramCredential(encoded: secret.unprotectedCopy())
      }
    }
  }

  private static var incomplete: AgentError { AgentError(.configuration, "the request about users is incomplete") }
}
