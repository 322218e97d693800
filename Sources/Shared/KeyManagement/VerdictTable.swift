// SPDX-License-Identifier: GPL-3.0-or-later

internal import ClusterModel

/// The table that decides whether a cluster lives (design, section 6): from a kind of failure to a verdict.
///
/// Providers map their own error types to `KMSError.Kind` in tables of their own; this one is the same for all.
enum VerdictTable {
  /// The verdict of an unwrap that failed in this way; nil for a fault of the blob, which says nothing of the key.
  static func verdict(of kind: KMSError.Kind, detail: String) -> Verdict? {
    switch kind {
    case .keyDisabled: .revoked(.keyDisabled, detail: detail)
    case .keyPendingDeletion: .revoked(.keyPendingDeletion, detail: detail)
    case .keyNotFound: .revoked(.keyNotFound, detail: detail)
    case .credentialsRefused: .revoked(.credentialsRefused, detail: detail)
    case .accessDenied: .revoked(.accessDenied, detail: detail)
    case .credentialsExpired: .unreachable(.credentialsExpired, detail: detail)
    case .network, .perimeter: .unreachable(.network, detail: detail)
    case .privateNetwork: .unreachable(.privateNetworking, detail: detail)
    case .tls: .unreachable(.tls, detail: detail)
    case .timeout: .unreachable(.timeout, detail: detail)
    case .throttled: .unreachable(.throttled, detail: detail)
    case .service, .keyStateUnknown: .unreachable(.service, detail: detail)
    case .malformedAnswer: .unreachable(.malformedAnswer, detail: detail)
    case .clockSkew: .unreachable(.clockSkew, detail: detail)
    case .unlisted, .invalidSettings, .localFailure: .unreachable(.unlisted, detail: detail)
    case .corruptBlob, .otherKey: nil
    }
  }
}
