// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyManagement

/// A key that its KMS says is taken away, as the look that saw it found it.
struct RevokedKey: Error, CustomStringConvertible {
  let keyID: String
  let reason: RevocationReason
  let detail: String
  /// The look as the coordinator hears of it.
  let check: CheckReport

  var description: String { "the key \(keyID) is revoked (\(reason.rawValue)): \(detail)" }
}

/// A look before something is done that a revocation could not undo.
extension NodeKeys {
  /// The longest such a look takes, retries included. A KMS that is out of reach holds nothing up for longer.
  static let lookDeadline = Duration.seconds(5)

  /// Unwraps what is stored, with credentials fetched for it; throws only if the key is revoked. One that can't be
  /// asked is no hindrance: what it wrapped is in memory.
  func checkNotRevoked(_ stored: WrappedMasterKey, startedAt: Int64) async throws(RevokedKey) {
    let fresh = renewing()
    let failure: KMSError
    do {
      // What comes of it is wiped at once: only the answer counts.
      _ = try await fresh.service.unwrap(stored, context: context, deadline: Self.lookDeadline)
      return
    } catch { failure = error }
    guard case .revoked(let reason, let detail) = failure.verdict,
      let check = fresh.report(failure, startedAt: startedAt)
    else { return }
    throw RevokedKey(keyID: stored.keyID, reason: reason, detail: detail, check: check)
  }
}

extension AgentShell {
  /// Throws if the key that this is wrapped by is revoked, which the coordinator hears too. Nothing is asked with
  /// settings of another key.
  func checkNotRevoked(_ stored: WrappedMasterKey) async throws(RevokedKey) {
    guard let keys = keys(for: stored) else { return }
    do { try await keys.checkNotRevoked(stored, startedAt: Self.wallClock) } catch {
      perform(core.onCheck(error.check, scheduled: false, now: now))
      throw error
    }
  }
}
