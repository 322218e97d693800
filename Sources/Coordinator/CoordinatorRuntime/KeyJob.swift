// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import KeyManagement
internal import Mail
internal import Secrets
internal import Transport

/// Where an operator waits for an answer.
struct Asker: Sendable, Hashable {
  let route: Route
  let messageID: UInt64
  /// Whether the answer may come in several replies.
  let takesParts: Bool
}

/// One call to a customer's KMS or to the mail server, made outside the actor so that nothing waits for it.
enum KeyJob: Sendable {
  /// Settings that an operator wants, to be proven first.
  struct Proof: Sendable {
    let project: ProjectName
    let settings: KMSSettings
    /// Whether they may require private networking no more.
    var dropsPrivateNetwork = false
    let settingsVersion: UInt64
    /// Nil if the credentials have none.
    let secret: Secret?
    /// What the same key wrapped under the settings in force, nil if there is nothing.
    let canary: WrappedMasterKey?
    /// The key that they would take the place of, nil if they name the same.
    var replaced: Replaced?
    let startedAt: Instant
    let asker: Asker
    /// Who has to have the right still when it ends.
    let admin: OperatorName
  }

  /// A key that another is to take the place of: who has taken it away must not lose it by that.
  struct Replaced: Sendable {
    let settings: KMSSettings
    let canary: WrappedMasterKey
    /// Nil if the credentials have none, or it can't be opened.
    let secret: Secret?
  }

  /// The check of a project's canary.
  struct Check: Sendable {
    let project: ProjectName
    let settings: KMSSettings
    let settingsVersion: UInt64
    /// Nil if the credentials have none.
    let secret: Secret?
    let canary: WrappedMasterKey
    /// Whether it is made with credentials that are fetched for it.
    let isRenewing: Bool
    /// Higher than that of every check begun before.
    let number: UInt64
    let startedAt: Instant
  }

  /// One mail to one recipient.
  struct Delivery: Sendable {
    let message: MailMessage
    let recipient: String
    let server: MailServer
    let password: Secret?
    /// Who waits for the outcome, nil for the core.
    let asker: Asker?
    /// The core's own id of the mail.
    let id: String
  }

  case prove(Proof)
  case check(Check)
  /// What a check does not need of the key: wrapping and describing.
  case use(Check)
  case deliver(Delivery)
}

/// How such a call ended.
enum KeyJobOutcome: Sendable {
  case proved(KeyJob.Proof, Result<ProvenCanary, OperatorFailure>)
  case checked(KeyJob.Check, verdict: Verdict?, detail: String, elsewhere: String?)
  case used(KeyJob.Check, failure: KMSError?)
  case delivered(KeyJob.Delivery, failure: MailError?)
}

/// What the coordinator's own proof of settings gives.
struct ProvenCanary: Sendable {
  /// For later checks under them.
  let canary: WrappedMasterKey
  /// Whether they unwrap what the key of the settings before wrapped: whether it is the same key.
  let isSameKey: Bool
}

extension KeyProver {
  /// Does one job.
  func run(_ job: KeyJob) async -> KeyJobOutcome {
    switch job {
    case .prove(let proof):
      do {
        if let replaced = proof.replaced { try await checkNotRevoked(replaced, project: proof.project) }
        var isSameKey = false
        if let canary = proof.canary {
          isSameKey = try await prove(
            proof.settings, secret: proof.secret, unwraps: canary, project: proof.project)
        }
        let fresh = try await prove(proof.settings, secret: proof.secret, project: proof.project)
        try await proveReplicas(proof.settings, secret: proof.secret, canary: fresh, project: proof.project)
        return .proved(proof, .success(ProvenCanary(canary: fresh, isSameKey: isSameKey)))
      } catch { return .proved(proof, .failure(error)) }
    case .check(let check):
      let (verdict, detail, elsewhere) = await self.check(
        check.settings, secret: check.secret, canary: check.canary, project: check.project, renewing: check.isRenewing)
      return .checked(check, verdict: verdict, detail: detail, elsewhere: elsewhere)
    case .use(let check):
      return .used(check, failure: await use(check.settings, secret: check.secret, project: check.project))
    case .deliver(let delivery):
      do {
        try await MailSender().send(
          delivery.message, to: delivery.recipient, through: delivery.server, password: delivery.password)
        return .delivered(delivery, failure: nil)
      } catch { return .delivered(delivery, failure: error) }
    }
  }
}
