// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension OperatorCommand {
  /// How long its answer is waited for unless `--timeout` says otherwise.
  ///
  /// Where the coordinator, and nodes, ask a KMS before it answers, there are up to five calls one after another, each
  /// of which may take what `kmsTimeoutSeconds` allows (10 unless it is set).
  var patience: Duration {
    switch self {
    case .setKMS, .checkKMS, .tryAgain, .encryptCluster, .decryptCluster: .seconds(300)
    default: .seconds(30)
    }
  }
}
