// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Whether a token is to be believed of a store that may be older than what its nodes have seen.
extension CoordinatorCore {
  /// When this store was last found to be an older copy than the token can be believed of, nil if it was not. A token
  /// from before then may have been used, or withdrawn, in what was lost.
  ///
  /// The operator who put the copy in place says so at once. What nodes say of epochs and of the audit record counts
  /// as soon as most of a cluster of the token's project say it, or most of all nodes: by the word of one, whoever got
  /// hold of a node could end everybody's tokens again and again. The alerts that it opens name the node.
  func doubted(_ token: TokenRecord) -> Instant? {
    let doubters = tokenDoubters
    let byOperator = restoration.flatMap { $0.isByOperator ? $0.since : nil }
    guard !doubters.isEmpty else { return byOperator }
    let shards = clusterRecords.values.filter { $0.project == token.project }.map(\.nodes)
    let everybody = nodeRecords.values.filter { $0.revokedAt == nil }.map(\.name)
    let borneOut = (shards + [everybody]).compactMap { nodes -> Instant? in
      let times = nodes.compactMap { doubters[$0] }
      return times.count > nodes.count / 2 ? times.max() : nil
    }
    return (borneOut + [byOperator].compactMap { $0 }).max()
  }

  /// The nodes by whose word the store is an older copy, and since when that is known of each.
  private var tokenDoubters: [NodeName: Instant] {
    var doubters: [NodeName: Instant] = [:]
    for alert in openAlerts(of: .auditContradicted) { doubters[NodeName(checked: alert.subject)] = alert.openedAt }
    guard let restoration else { return doubters }
    for node in restoration.witnesses { doubters[node] = max(restoration.since, doubters[node] ?? restoration.since) }
    return doubters
  }
}
