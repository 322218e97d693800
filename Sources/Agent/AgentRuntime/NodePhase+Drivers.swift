// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension NodePhase {
  /// What drivers hear of a node that does not serve, nil if the phase's name says it all.
  ///
  /// Nobody can log in while the data is closed, so anybody may hear it: it names no key, no account, no request and
  /// nothing else that a KMS, a file or the coordinator said. Operators have that in `reason`.
  var toldToDrivers: String? {
    switch self {
    case .awaitingSettings: "it waits for its coordinator"
    case .empty: "it has no data yet"
    case .awaitingKMS: "it waits for its KMS; it opens by itself"
    case .disabled: "the customer's key is revoked; ask the operator"
    case .stopped: "an operator shut the cluster down"
    case .failed: "it can't open its data; ask the operator"
    case .notApproved: "an operator has to approve it"
    case .opening, .serving: nil
    }
  }
}
