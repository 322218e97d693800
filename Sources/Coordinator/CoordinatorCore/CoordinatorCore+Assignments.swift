// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What every node is told: its assignment and the IP list, each with a version that rises with its content.
extension CoordinatorCore {
  /// Works the assignment out anew if anything in it may have changed; a changed one gets the next version and goes to
  /// every member that is heard, an unchanged one to those that report an older version.
  mutating func refreshAssignment(_ name: ClusterName, now: Instant) {
    let changed = staleAssignments.contains(name) && renewAssignment(name)
    guard let cluster = clusterRecords[name], let wanted = cluster.assignment else { return }
    for node in cluster.nodes {
      guard let contact = contacts[node], contact.isHeard(now: now), let report = contact.report else { continue }
      guard changed || report.assignmentVersion < wanted.version else { continue }
      if !changed, let sent = contact.assignmentSentAt, now.isWithin(CoordinatorLimits.versionResend, after: sent) {
        continue
      }
      contacts[node]?.assignmentSentAt = now
      sends.append(.sendAssignment(node, wanted))
    }
  }

  private mutating func renewAssignment(_ name: ClusterName) -> Bool {
    defer { staleAssignments.remove(name) }
    guard var cluster = clusterRecords[name], let project = projectRecords[cluster.project] else { return false }
    var wanted = NodeAssignment(
      version: cluster.assignment?.version ?? 0, project: cluster.project, cluster: name,
      members: cluster.nodes.map { member($0) }, kms: project.kms, settingsVersion: project.settingsVersion,
      running: cluster.running, disabledReason: cluster.lockout?.reason)
    guard wanted != cluster.assignment else { return false }
    wanted.version = wanted.version &+ 1
    cluster.assignment = wanted
    put(cluster)
    return true
  }

  private func member(_ node: NodeName) -> MemberAddress {
    let report = contacts[node]?.report ?? nodeRecords[node]?.report
    let last = clusterRecords[nodeRecords[node]?.cluster ?? ClusterName(checked: "-")]?.assignment?.members
      .first { $0.node == node }
    func known(_ reported: String?, _ before: String?) -> String {
      if let reported, !reported.isEmpty { return reported }
      return before ?? ""
    }
    return MemberAddress(
      node: node, replicationAddress: known(report?.replicationAddress, last?.replicationAddress),
      driverAddress: known(report?.driverAddress, last?.driverAddress), publicKey: nodeRecords[node]?.publicKey ?? "")
  }

  /// Works the IP list out anew from what nodes said; a changed one gets the next version and goes to every node.
  mutating func refreshAddresses(now: Instant) {
    addressesAreStale = false
    var entries: [IPList.Entry] = []
    for node in nodeRecords.values {
      guard let cluster = node.cluster else { continue }
      let reported = [contacts[node.name]?.report?.replicationAddress, contacts[node.name]?.report?.driverAddress]
      let hosts = Set(reported.compactMap { $0.flatMap(Self.host) })
      if hosts.isEmpty {
        entries += addresses.nodes.filter { $0.node == node.name && $0.cluster == cluster }
      } else {
        entries += hosts.map { IPList.Entry(cluster: cluster, node: node.name, address: $0) }
      }
    }
    entries.sort { ($0.cluster, $0.node, $0.address) < ($1.cluster, $1.node, $1.address) }
    if entries != addresses.nodes || controlPlane != addresses.controlPlane {
      addresses = IPList(version: addresses.version &+ 1, nodes: entries, controlPlane: controlPlane)
      dirty.insert(RecordKey(kind: .ipList, id: StateRecord.ipListID))
      for node in contacts.keys { contacts[node]?.addressesSentAt = nil }
    }
    for node in nodeRecords.keys.sorted() { sendAddressesIfOlder(node, now: now) }
  }

  mutating func sendAddressesIfOlder(_ node: NodeName, now: Instant) {
    guard let contact = contacts[node], contact.isHeard(now: now), let report = contact.report,
      report.ipListVersion < addresses.version
    else { return }
    if let sent = contact.addressesSentAt, now.isWithin(CoordinatorLimits.versionResend, after: sent) { return }
    contacts[node]?.addressesSentAt = now
    sends.append(.sendIPList(node, addresses))
  }

  /// The host of `host:port`, without the brackets of IPv6; nil if there is none.
  static func host(of address: String) -> String? {
    guard let colon = address.lastIndex(of: ":") else { return nil }
    var host = address[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return host.isEmpty ? nil : String(host)
  }
}
