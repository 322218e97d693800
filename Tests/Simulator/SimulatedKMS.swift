// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// The customer's KMS as each vantage point sees it.
struct SimulatedKMS {
  enum State: Equatable {
    case enabled
    case disabled
    case pendingDeletion
  }

  static let keyID = "arn:aws:kms:eu-central-1:111122223333:key/mrk-simulated"
  static let settings = KMSSettings(provider: .aws, keyID: keyID, region: "eu-central-1", accessKeyID: "AKIASIMULATED")
  static let canary = canary(under: keyID)
  /// Its replica in another region.
  static let replicaKeyID = "arn:aws:kms:eu-west-1:111122223333:key/mrk-simulated"
  /// Another key, for changes of the key.
  static let otherKeyID = "arn:aws:kms:eu-central-1:111122223333:key/simulated-other"

  static func settings(of key: String) -> KMSSettings {
    KMSSettings(provider: .aws, keyID: key, region: region(of: key), accessKeyID: "AKIASIMULATED")
  }

  private static func region(of key: String) -> String { key == replicaKeyID ? "eu-west-1" : "eu-central-1" }

  static func canary(under key: String) -> WrappedMasterKey {
    WrappedMasterKey(
      provider: .aws, keyID: key, keyVersion: "", region: region(of: key), createdAtMilliseconds: 0, blob: [1, 2, 3])
  }

  /// A caller whose clock is further off gets no verdict, whatever the answer says.
  static let clockTolerance: Int64 = 4 * 60_000

  var state = State.enabled
  /// The only key that `state` and `denied` are about, nil if they are about every key.
  var troubledKey: String?
  /// Places that may not use the key although it is enabled.
  var denied: Set<Int> = []
  /// Places that can't reach it.
  var unreachable: Set<Int> = []
  /// When a place was last told that the key is revoked, in virtual milliseconds.
  private(set) var toldRevokedAt: [Int: Int64] = [:]

  var isWell: Bool { state == .enabled && denied.isEmpty && unreachable.isEmpty }

  /// What a call from `place` says now.
  mutating func verdict(for place: Int, of key: String = keyID, clockOffset: Int64, now: Int64) -> Verdict {
    if unreachable.contains(place) { return .unreachable(.timeout, detail: "no answer") }
    if abs(clockOffset) > Self.clockTolerance { return .unreachable(.clockSkew, detail: "the clock is off") }
    if let troubledKey, !CustomerKey.isSame(troubledKey, key) { return .valid }
    switch state {
    case .disabled:
      toldRevokedAt[place] = now
      return .revoked(.keyDisabled, detail: "the key is disabled")
    case .pendingDeletion:
      toldRevokedAt[place] = now
      return .revoked(.keyPendingDeletion, detail: "the key is to be deleted")
    case .enabled: break
    }
    guard denied.contains(place) else { return .valid }
    toldRevokedAt[place] = now
    return .revoked(.accessDenied, detail: "the caller may not use the key")
  }

  static func report(
    _ verdict: Verdict, of key: String = keyID, settingsVersion: UInt64, at wallClock: Int64
  ) -> CheckReport {
    CheckReport(
      verdict: verdict, customerKeyID: key, settingsVersion: settingsVersion, startedAtMilliseconds: wallClock)
  }
}
