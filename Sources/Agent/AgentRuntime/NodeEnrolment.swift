// SPDX-License-Identifier: GPL-3.0-or-later
public import DaemonRuntime
internal import Logging
internal import Messages
internal import Secrets
public import Transport

/// A node enrols itself with a one-time token: it connects with the token's own key, and only to the coordinator whose
/// key the token names.
public enum NodeEnrolment {
  /// How long one attempt to connect or to ask takes at most.
  static let attempt = Duration.seconds(10)

  /// Asks until it is answered, or for `patience`: a coordinator that is being restarted gives the answer of before.
  ///
  /// Throws `AgentError`: `enrolment` if the token is refused or nobody answers, `configuration` if it can't be used.
  public static func join(
    _ token: JoinToken, publicKey: CurvePublicKey, patience: Duration
  ) async throws(AgentError) {
    let link: MessageLink
    do {
      let identity = try token.secretKey.withSecret { (secret) throws(TransportError) in
        try CurveIdentity(secretKeyText: secret)
      }
      link = try MessageLink(
        endpoint: token.coordinator, serverKey: CurvePublicKey(token.coordinatorKey), identity: identity,
        logger: Logger(label: "keyfold-agent") { _ in SwiftLogNoOpLogHandler() }, onEvent: { _ in })
      try link.start()
    } catch {
      throw AgentError(.configuration, "the token can't be used: \(error); is it whole?")
    }
    defer { link.close() }
    let end = ContinuousClock.now + patience
    let request = Envelope(.enrolNode(EnrolNode(node: token.node, publicKey: publicKey.text)))
    while true {
      do throws(TransportError) {
        let limit = min(attempt, max(.zero, end - .now))
        try await link.connected(within: limit)
        return try check(await link.call(request, within: limit), token)
      } catch {
        let isPassing = [.notConnected, .deadline, .congested].contains(error.code)
        guard isPassing, .now < end else { throw Self.failure(error, token) }
      }
    }
  }

  private static func check(_ reply: Reply, _ token: JoinToken) throws(TransportError) {
    guard case .enrolmentResult(let result) = reply.envelope.body else {
      throw TransportError(.fault, "the coordinator answered with a message of another kind")
    }
    guard result.enrolled else { throw TransportError(.fault, result.reason) }
  }

  private static func failure(_ error: TransportError, _ token: JoinToken) -> AgentError {
    switch error.code {
    case .refused:
      AgentError(
        .enrolment,
        "the coordinator at \(token.coordinator) does not take the token: it was withdrawn, ended more than a day "
          + "ago, or was made by another coordinator, or that has another key than the token names "
          + "(\(error.description)). Ask for another token: keyfold node token create \(token.node)")
    case .fault: AgentError(.enrolment, "the coordinator refused: \(error.description)")
    default:
      AgentError(
        .enrolment,
        "the coordinator at \(token.coordinator) can't be reached: \(error.description). Can this machine reach that "
          + "address? Another one is named with: keyfold node token create \(token.node) --coordinator HOST:PORT")
    }
  }
}
