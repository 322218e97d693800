// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Logging
internal import Messages
internal import Transport

/// Tokens for enrolment: what operators ask about them, and whoever comes with one.
extension Coordinator {
  /// Answers what belongs here, nil for everything else.
  func answerOnTokens(_ command: OperatorCommand, of admin: OperatorName) throws -> OperatorAnswer? {
    let now = now
    switch command {
    case .createToken(let node, let cluster, let project, let key, let minutes):
      let token = try performed { () throws(CoordinatorError) in
        try core.createToken(
          for: node, cluster: cluster, project: project, publicKey: key, minutes: minutes, by: admin, now: now)
      }
      return .tokens([core.view(of: token)])
    case .withdrawToken(let node):
      try performed { () throws(CoordinatorError) in try core.withdrawToken(of: node, now: now) }
      return .tokens(core.tokenViews.filter { $0.node == node })
    case .listTokens: return .tokens(core.tokenViews)
    default: return nil
    }
  }

  /// Whoever holds a token: heard on its node's enrolment, answered after that is on disk, and told nothing else.
  func hear(applicant token: CurvePublicKey, _ inbound: Inbound) throws(CoordinatorFault) {
    var request: (NodeName, String)?
    if case .enrolNode(let asked) = inbound.envelope.body { request = (asked.node, asked.publicKey) }
    let outcome = core.onEnrolment(token: token.text, request: request, from: inbound.address, now: now)
    let answer = EnrolmentResult(enrolled: outcome.refusal == nil, reason: outcome.refusal ?? "")
    logger.notice(
      "enrolment by a token",
      metadata: [
        "node": "\(request?.0.text ?? "-")", "address": "\(inbound.address ?? "-")",
        "outcome": "\(outcome.refusal ?? "enrolled")",
      ])
    try perform(outcome.directives)
    send(
      Envelope(.enrolmentResult(answer), epoch: core.epoch, correlationID: inbound.envelope.messageID),
      to: inbound.route)
  }
}
