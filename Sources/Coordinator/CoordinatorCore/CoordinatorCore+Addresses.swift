// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// The IP list: where nodes are, present and future, where the control plane is, and from where drivers may connect.
///
/// Its version rises with its content; every node is told, says which version it holds, and is told again until it
/// holds the present one.
extension CoordinatorCore {
  /// Works the IP list out now if it was not just worked out, else at the next tick: of a thousand nodes that say hello
  /// at once each would make a new list for all the others.
  mutating func refreshAddressesSoon(now: Instant) {
    addressesAreStale = true
    if let last = addressesRefreshedAt, now.isWithin(CoordinatorLimits.tickInterval, after: last) { return }
    refreshAddresses(now: now)
  }

  /// Works the IP list out anew from what nodes said; a changed one gets the next version and goes to every node.
  mutating func refreshAddresses(now: Instant) {
    addressesAreStale = false
    addressesRefreshedAt = now
    let known = Dictionary(grouping: addresses.nodes, by: \.node)
    var list = addresses
    list.nodes = nodeRecords.values.flatMap { entries(of: $0, known: known[$0.name] ?? []) }
    list.nodes.sort { ($0.cluster, $0.node, $0.address) < ($1.cluster, $1.node, $1.address) }
    list.controlPlane = controlPlane.map { ControlPlaneAddress($0)?.address ?? $0 }
    let access = projectRecords.values.compactMap { project in
      project.accessList.map { entries in
        IPList.Access(project: project.name, entries: entries.map { IPList.AccessEntry(range: $0.range) })
      }
    }
    list.access = access.isEmpty ? nil : access.sorted { $0.project < $1.project }
    if list != addresses {
      list.version &+= 1
      addresses = list
      noteNewAddresses()
    }
    for node in nodeRecords.keys.sorted() { sendAddressesIfOlder(node, now: now) }
  }

  /// A node holds a newer list than this store, which was restored from an older copy: the present one has to be above
  /// it. A claim beyond belief is not heard.
  mutating func outrunAddresses(of node: NodeName) {
    guard let contact = contacts[node], let held = contact.report?.ipListVersion, held > 0 else { return }
    // The same number may stand for another list, if the node got it in a life that this store knows nothing of.
    let isForeign = contact.isAheadOfStore && contact.addressesSentAt == nil && held == addresses.version
    guard held > addresses.version || isForeign else { return }
    guard held - addresses.version < CoordinatorLimits.furthestAssignment else { return }
    addresses.version = held &+ 1
    noteNewAddresses()
  }

  private mutating func noteNewAddresses() {
    dirty.insert(RecordKey(kind: .ipList, id: StateRecord.ipListID))
    for node in contacts.keys { contacts[node]?.addressesSentAt = nil }
  }

  mutating func sendAddressesIfOlder(_ node: NodeName, now: Instant) {
    guard let contact = contacts[node], contact.isHeard(now: now), let report = contact.report,
      report.ipListVersion < addresses.version, !isStranded(node)
    else { return }
    if let sent = contact.addressesSentAt, now.isWithin(CoordinatorLimits.versionResend, after: sent) { return }
    contacts[node]?.addressesSentAt = now
    sends.append(.sendIPList(node, tailored(addresses, for: node, now: now)))
  }

  /// Notes where a node's link comes from.
  mutating func note(address: String?, of node: NodeName) {
    guard let address, IPAddress(address) != nil, contacts[node]?.address != address else { return }
    contacts[node, default: Contact(report: nil)].address = address
    addressesAreStale = true
  }

  /// Takes over where links come from, of a core whose place this one takes.
  public mutating func learnAddresses(from other: CoordinatorCore) {
    for (node, contact) in other.contacts { note(address: contact.address, of: node) }
  }

  /// The list as a node gets it, under the version of the whole: its own cluster's addresses, the control plane's and
  /// its own project's access list, each entry with the time it still has. What other clusters have is none of its
  /// business, and of a fleet's list would not fit into a message.
  private func tailored(_ list: IPList, for node: NodeName, now: Instant) -> IPList {
    let cluster = nodeRecords[node].flatMap { $0.cluster ?? $0.intendedCluster }
    var own = IPList(
      version: list.version, nodes: cluster.map { list.entries(of: $0) } ?? [], controlPlane: list.controlPlane)
    let project = cluster.flatMap { clusterRecords[$0] }.flatMap { projectRecords[$0.project] }
    own.access = project.flatMap { project in
      project.accessList.map { entries in
        [
          IPList.Access(
            project: project.name,
            entries: entries.map { entry in
              IPList.AccessEntry(
                range: entry.range, expiresInMilliseconds: remaining(of: entry, now: now)?.wholeMilliseconds)
            })
        ]
      }
    }
    return own
  }

  /// The host of `host:port`, without the brackets of IPv6; nil if there is none.
  static func host(of address: String) -> String? {
    guard let colon = address.lastIndex(of: ":") else { return nil }
    var host = address[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return host.isEmpty ? nil : String(host)
  }
}

// MARK: - One node's addresses

extension CoordinatorCore {
  /// A node's addresses: of one that belongs to a cluster, and of one that is enrolled for it or about to join.
  private func entries(of node: NodeRecord, known: [IPList.Entry]) -> [IPList.Entry] {
    guard node.revokedAt == nil, let cluster = node.cluster ?? node.intendedCluster else { return [] }
    let isFuture = node.cluster == nil || clusterRecords[cluster]?.joining == node.name
    let before = known.filter { $0.cluster == cluster }.map { entry in
      var entry = entry
      entry.future = isFuture ? true : nil
      return entry
    }
    // What was learned from its link in an earlier life stays until it says hello in this one.
    guard let contact = contacts[node.name], var report = contact.report, contact.helloAt != nil || before.isEmpty
    else { return before }
    // Who takes the list over into the KMS's own rules must not lock out a node that does not say where it listens now.
    if report.driverAddress.isEmpty { report.driverAddress = assignedAddress(of: node.name, in: cluster) }
    let (inbound, outbound) = Self.hosts(of: report, seenFrom: contact.address)
    if inbound.isEmpty { return before }
    return inbound.union(outbound).map { address in
      let direction: AddressDirection? =
        switch (inbound.contains(address), outbound.contains(address)) {
        case (true, false): .inbound
        case (false, _): .outbound
        case (true, true): nil
        }
      return IPList.Entry(
        cluster: cluster, node: node.name, address: address, future: isFuture ? true : nil, direction: direction)
    }
  }

  /// Where drivers reached a member last, as all members know it; empty if they do not.
  private func assignedAddress(of node: NodeName, in cluster: ClusterName) -> String {
    clusterRecords[cluster]?.assignment?.members.first { $0.node == node }?.driverAddress ?? ""
  }

  /// Where a node is connected to, and where its calls come from: what its configuration says, else the addresses it
  /// listens on and the one its link to the coordinator comes from.
  private static func hosts(
    of report: NodeReport, seenFrom seen: String?
  ) -> (inbound: Set<String>, outbound: Set<String>) {
    let inbound = Set([report.replicationAddress, report.driverAddress].compactMap { host(of: $0) })
    var outbound = Set((report.outboundAddresses ?? []).filter { (try? IPRange($0))?.isTooWideForNode == false })
    if outbound.isEmpty {
      let literal = inbound.filter { IPAddress($0) != nil }
      outbound = literal
      // On the coordinator's own machine the link shows only how the two see one another.
      if let seen, let address = IPAddress(seen), !address.isLocalhost || literal.isEmpty {
        outbound.insert(address.description)
      }
    }
    if let source = report.replicationSource, IPAddress(source) != nil { outbound.insert(source) }
    return (inbound, outbound)
  }
}

// MARK: - Views

extension CoordinatorCore {
  /// The IP list with the version each node says it holds.
  public func ipListView(now: Instant) -> IPListView {
    var view = IPListView(
      list: addresses,
      heldBy: nodes.filter { $0.cluster != nil || $0.intendedCluster != nil }
        .map { IPListView.Holder(node: $0.name, version: report(of: $0.name)?.ipListVersion ?? 0) })
    view.clusters = Dictionary(grouping: addresses.nodes, by: \.cluster).sorted { $0.key < $1.key }.map {
      name, entries in
      ClusterAddresses(cluster: name, project: clusterRecords[name]?.project, entries: entries)
    }
    view.access = projectRecords.values.filter { $0.accessList != nil }.sorted { $0.name < $1.name }
      .map { self.view(ofAccessTo: $0, now: now) }
    view.controlPlane = controlPlane.compactMap { ControlPlaneAddress($0) }
    return view
  }
}

extension IPList {
  /// A cluster's entries, found by halves: they stand together, as the list is ordered by cluster.
  fileprivate func entries(of cluster: ClusterName) -> [Entry] {
    var (low, high) = (0, nodes.count)
    while low < high {
      let middle = (low + high) / 2
      if nodes[middle].cluster < cluster { low = middle + 1 } else { high = middle }
    }
    return Array(nodes[low...].prefix { $0.cluster == cluster })
  }
}
