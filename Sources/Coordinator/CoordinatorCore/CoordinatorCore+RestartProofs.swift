// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Whether nodes could restart now: each check of a node proves it, and what is proven grows old.
extension CoordinatorCore {
  /// How long ago a node proved that it could restart with the master key in use, nil if it has not.
  ///
  /// By the node's own clock while it is heard of: a jump of the coordinator's makes no proof old, or young.
  func restartProofAge(of node: NodeName, now: Instant) -> Duration? {
    guard let report = contacts[node]?.report, let proof = report.restartProof,
      proof.masterKeyID == report.generation?.masterKeyID
    else { return nil }
    let heard = contacts[node]?.isHeard(now: now) == true ? report.clockMilliseconds : nil
    let clock = heard.map { Instant(milliseconds: $0) } ?? now
    return max(.zero, clock - Instant(milliseconds: proof.provenAtMilliseconds))
  }

  /// An alert while a serving node has not proven for long that it could restart.
  mutating func watchRestartProof(of node: NodeName, in cluster: ClusterRecord, now: Instant) {
    guard isServing(node, now: now), cluster.lockout == nil, let report = contacts[node]?.report,
      report.clockMilliseconds != nil, let key = report.generation?.masterKeyID
    else {
      // A node that is closed or not heard of has alerts of its own.
      return closeAlert(.restartNotProven, subject: node.text, now: now)
    }
    let proven = restartProofAge(of: node, now: now)
    // A key that nothing was proven of yet has as long as a proof may be old.
    let seen = nodeRecords[node]?.masterKeys.last { $0.id == key }?.seenAt
    let age = proven ?? seen.map { max(.zero, now - $0) } ?? .zero
    guard age > CoordinatorLimits.restartProofAlert else {
      return closeAlert(.restartNotProven, subject: node.text, now: now)
    }
    let hours = age.wholeMilliseconds / 3_600_000
    openAlert(
      .restartNotProven, subject: node.text,
      text: "Node \(node) has not proven for more than \(hours) h that it could restart with the master key in use; "
        + "a restart may not come back.",
      next: "See what its checks say: keyfold node show \(node); look again: keyfold kms check \(cluster.project)",
      now: now)
  }

  /// How long ago the node of each encrypted cluster that proved it longest ago proved that it could restart; for
  /// metrics. A node that has not proven it at all is told by the alert.
  public func restartProofAges(now: Instant) -> [(cluster: ClusterName, age: Duration)] {
    clusters.compactMap { cluster in
      cluster.nodes.compactMap { restartProofAge(of: $0, now: now) }.max().map { (cluster.name, $0) }
    }
  }
}
