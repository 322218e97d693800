// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Secrets
internal import Transport

/// Where an operator waits for an answer.
struct Asker: Sendable, Hashable {
  let route: Route
  let messageID: UInt64
}

/// One call to a customer's KMS, made outside the actor so that nothing waits for it.
enum KeyJob: Sendable {
  /// Settings that an operator wants, to be proven first.
  struct Proof: Sendable {
    let project: ProjectName
    let settings: KMSSettings
    let settingsVersion: UInt64
    /// Nil if the credentials have none.
    let secret: Secret?
    let asker: Asker
  }

  /// The check of a project's canary.
  struct Check: Sendable {
    let project: ProjectName
    let settings: KMSSettings
    let settingsVersion: UInt64
    /// Nil if the credentials have none.
    let secret: Secret?
    let canary: WrappedMasterKey
    let startedAt: Instant
  }

  case prove(Proof)
  case check(Check)
}

/// How a call to a KMS ended.
enum KeyJobOutcome: Sendable {
  case proved(KeyJob.Proof, Result<WrappedMasterKey, OperatorFailure>)
  case checked(KeyJob.Check, verdict: Verdict?, detail: String)
}

extension KeyProver {
  /// Does one job.
  func run(_ job: KeyJob) async -> KeyJobOutcome {
    switch job {
    case .prove(let proof):
      do {
        return .proved(proof, .success(try await prove(proof.settings, secret: proof.secret, project: proof.project)))
      } catch { return .proved(proof, .failure(error)) }
    case .check(let check):
      let (verdict, detail) = await self.check(
        check.settings, secret: check.secret, canary: check.canary, project: check.project)
      return .checked(check, verdict: verdict, detail: detail)
    }
  }
}
