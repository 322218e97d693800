// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Whether there is room for a copy: the new generation lies beside the old one until it is whole.
extension CoordinatorCore {
  /// Why a node's disk can't take a copy of the shard's data, nil if it can, or if nobody knows. A copy that fills a
  /// disk would end a node that serves, and leave no room to put right one that does not.
  func lackOfRoom(at node: NodeName, in cluster: ClusterRecord) -> String? {
    guard let report = contacts[node]?.report, report.work == nil, let disk = report.disk else { return nil }
    let sizes = cluster.nodes.compactMap { contacts[$0]?.report?.disk?.dataBytes }
    let data = sizes.max() ?? 0
    let (more, overflow) = data.addingReportingOverflow(data / 10 + CoordinatorLimits.copyReserve)
    let needed = overflow ? UInt64.max : more
    guard disk.freeBytes < needed else { return nil }
    return "the disk of \(node) has \(DiskReport.text(disk.freeBytes)) free, and a copy needs "
      + "\(DiskReport.text(needed)); make room, it goes on by itself"
  }
}
