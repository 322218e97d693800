// SPDX-License-Identifier: GPL-3.0-or-later

internal import ClusterModel
internal import Synchronization

/// Temporary credentials of one issuer, fetched again before they expire.
///
/// They are renewed when they are older than a check's interval, long before they expire, so that a scheduled check
/// sees within one interval that the right to get them is gone; a call that renews its credentials sees it at once. An
/// issuer that cannot be reached does not take away what still holds; an issuer that refuses does.
final class CredentialCache<Value: Sendable>: Sendable {
  /// Temporary credentials as an issuer gives them.
  struct Issued: Sendable {
    let value: Value
    /// How long they hold by the issuer's word, in seconds.
    let lifetimeSeconds: Int64
  }

  private struct Held: Sendable {
    let value: Value
    let issuedAt: Int64
    let expiresAt: Int64
  }

  /// The age after which they are renewed, in seconds: below the 15 minutes between two checks.
  static var renewalAge: Int64 { 600 }
  /// The rest of the lifetime in which they are used only if the issuer cannot be reached, in seconds.
  static var spareSeconds: Int64 { 120 }
  /// The longest lifetime believed, in seconds: a day, which is what the clouds' metadata services give.
  static var maximumLifetime: Int64 { 86_400 }
  /// The most scopes remembered.
  static var maximumScopes: Int { 64 }

  private let held = Mutex<[String: Held]>([:])
  private let clock: WallClock

  init(clock: WallClock) { self.clock = clock }

  /// The credentials of a scope, fetched with `issue` if need be or the call asks for it; throws why there are none.
  func current(
    _ scope: String, for call: KMSCall, _ issue: () async throws(KMSError) -> Issued
  ) async throws(KMSError) -> (value: Value, isFresh: Bool) {
    let now = clock.nowSeconds
    let present = held.withLock { $0[scope] }
    if !call.renewsCredentials, let present, now >= present.issuedAt, now - present.issuedAt < Self.renewalAge,
      present.expiresAt - now > Self.spareSeconds
    {
      return (present.value, false)
    }
    do throws(KMSError) {
      let issued = try await issue()
      guard issued.lifetimeSeconds > 0 else {
        throw call.error(.malformedAnswer, "the issuer of the credentials gave some that have expired already")
      }
      keep(issued, scope, now: clock.nowSeconds)
      return (issued.value, true)
    } catch {
      guard case .unreachable? = VerdictTable.verdict(of: error.kind, detail: "") else {
        drop(scope)
        throw error
      }
      // What is kept still holds, and says nothing of whether it would be given today.
      guard !call.renewsCredentials, let present else { throw error }
      if clock.nowSeconds < present.expiresAt { return (present.value, false) }
      var expired = error
      expired.kind = .credentialsExpired
      expired.detail = "the temporary credentials have expired, and new ones cannot be had: \(error.detail)"
      throw expired
    }
  }

  /// Forgets what the KMS does not take any more.
  func drop(_ scope: String) { held.withLock { $0[scope] = nil } }

  private func keep(_ issued: Issued, _ scope: String, now: Int64) {
    held.withLock { held in
      if held[scope] == nil, held.count >= Self.maximumScopes { held.removeAll() }
      held[scope] = Held(
        value: issued.value, issuedAt: now, expiresAt: now + min(issued.lifetimeSeconds, Self.maximumLifetime))
    }
  }
}
