// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

/// The customer's KMS as every vantage point sees it.
struct SimulatedKMS {
  enum Mood: Equatable { case valid, unreachable, revoked }

  static let keyID = "arn:aws:kms:eu-central-1:111122223333:key/simulated"
  static let settings = KMSSettings(
    provider: .aws, keyID: keyID, region: "eu-central-1", accessKeyID: "AKIASIMULATED")
  static let canary = WrappedMasterKey(
    provider: .aws, keyID: keyID, keyVersion: "", region: "eu-central-1", createdAtMilliseconds: 0, blob: [1, 2, 3])

  var mood = Mood.valid
  /// When it was last revoked, nil if never.
  var revokedAt: Int64?

  func check(settingsVersion: UInt64, at: Int64) -> CheckReport {
    let verdict: Verdict =
      switch mood {
      case .valid: .valid
      case .unreachable: .unreachable(.timeout, detail: "no answer")
      case .revoked: .revoked(.keyDisabled, detail: "the key is disabled")
      }
    return CheckReport(
      verdict: verdict, customerKeyID: Self.keyID, settingsVersion: settingsVersion, startedAtMilliseconds: at)
  }
}
