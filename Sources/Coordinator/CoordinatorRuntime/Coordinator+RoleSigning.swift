// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import KeyManagement
internal import Logging
internal import Messages
internal import Secrets

/// Signing what nodes send to assume a role: the access key stays here, and nothing waits for a network.
extension Coordinator {
  /// A node asks, over its own link: it gets what its own context needs, whatever it asks for.
  func sign(_ request: SignRole, for node: NodeName) throws(CoordinatorFault) {
    let outcome = try signature(request, for: node)
    if case .declined(let reason) = outcome {
      logger.notice("a node's request for a role was not signed", metadata: ["node": "\(node)", "reason": "\(reason)"])
    }
    send(.roleSignature(RoleSignature(id: request.id, outcome: outcome)), to: node)
  }

  private func signature(_ request: SignRole, for node: NodeName) throws(CoordinatorFault) -> RoleSignature.Outcome {
    let settings: KMSSettings
    let context: KeyContext
    var given: Secret?
    switch request.settings {
    case .version(let version):
      guard let custody = core.custody(of: node, settingsVersion: version) else {
        return .declined(
          reason: "version \(version) of the KMS settings is not this node's, or it may not have them now")
      }
      (settings, context) = (custody.settings, custody.context)
    case .proof(let id):
      guard let proof = proofDesk.proof(id, awaiting: node),
        let own = core.proverContext(of: node, in: proof.project, now: now)
      else { return .declined(reason: "no trial of KMS settings waits for this node") }
      (settings, context, given) = (proof.settings, own, proof.secret)
    }
    guard settings.credentials.isKeptFromNodes else {
      return .declined(reason: "these settings name no role to sign for")
    }
    if let wait = signingPace.take(settings.credentials.summary, by: node, now: now) {
      return .later(milliseconds: wait)
    }
    if case .version(let version) = request.settings { given = try secret(of: context.project, version: version) }
    guard let secret = given else { return .declined(reason: "the stored secret can't be opened with this root key") }
    do {
      let signed = try SignedRoleRequest.sign(settings, secret: secret, region: request.region, context: context)
      return .signed(form: signed.form, authorization: signed.authorization, at: signed.signedAtSeconds)
    } catch { return .declined(reason: error.description) }
  }
}
