// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What every node is told: its assignment, with a version that rises with its content.
extension CoordinatorCore {
  /// Works the assignment out anew if anything in it may have changed; a changed one gets the next version and goes to
  /// every member that is heard, an unchanged one to those that report an older version.
  mutating func refreshAssignment(_ name: ClusterName, now: Instant) {
    let changed = staleAssignments.contains(name) && renewAssignment(name)
    guard let cluster = clusterRecords[name], let wanted = cluster.assignment, unlearned(cluster) == nil else { return }
    for node in cluster.members {
      guard let contact = contacts[node], contact.isHeard(now: now), let report = contact.report else { continue }
      let isOlder = report.assignmentVersion < wanted.version
      let own = tailored(wanted, for: node)
      // What a refused node gets may change under one version: a copy that was ordered brings it the KMS settings.
      let isNews = changed || (own.notApprovedReason != nil && own != contact.assignmentSent)
      guard isNews || isOlder || isAtOdds(report, own) else { continue }
      if !isNews, let sent = contact.assignmentSentAt, now.isWithin(CoordinatorLimits.versionResend, after: sent) {
        continue
      }
      contacts[node]?.assignmentSentAt = now
      contacts[node]?.assignmentSent = own
      sends.append(.sendAssignment(node, own))
    }
  }

  /// Why a node's process may not open its data, nil if it may; one that serves has its keys in memory already.
  func refusal(of node: NodeName) -> String? {
    guard let distrust = nodeRecords[node]?.distrust, contacts[node]?.report?.phase != .serving else { return nil }
    return distrust
  }

  /// Whether a node does not yet live by what was decided on it.
  private func isAtOdds(_ report: NodeReport, _ own: NodeAssignment) -> Bool {
    let isRefused = own.notApprovedReason != nil
    // Settings for a copy come under the version it has: what brought them may be lost, or overtaken by what did not.
    if isRefused, own.kms != nil, report.work == nil { return true }
    return switch report.phase {
    case .notApproved: !isRefused
    case .awaitingSettings, .awaitingKMS: isRefused
    case .empty, .opening, .serving, .disabled, .stopped, .failed: false
    }
  }

  /// The cluster's assignment as one node gets it: without KMS settings if it may not have them. A new initial sync
  /// that was asked for needs them all the same: what it makes is new, and the old generation stays closed.
  func tailored(_ assignment: NodeAssignment, for node: NodeName) -> NodeAssignment {
    var own = assignment
    own.held = contacts[node]?.heldBefore
    guard let reason = refusal(of: node) else { return own }
    own.notApprovedReason = reason
    let isResynced = openPlans(of: assignment.cluster).contains { plan in
      plan.steps.contains { $0.kind == .initialSync && $0.node == node && $0.state != .done }
    }
    if !isResynced {
      own.kms = nil
      own.formerKMS = nil
    }
    return own
  }

  private mutating func renewAssignment(_ name: ClusterName) -> Bool {
    defer { staleAssignments.remove(name) }
    guard var cluster = clusterRecords[name], let project = projectRecords[cluster.project] else { return false }
    let formers = project.neededKeys.compactMap { former in
      former.settings.map { FormerKMS(settings: $0, settingsVersion: former.settingsVersion) }
    }
    var wanted = NodeAssignment(
      version: cluster.assignment?.version ?? 0, project: cluster.project, cluster: name,
      members: cluster.members.map { member($0) }, kms: project.kms, settingsVersion: project.settingsVersion,
      formerKMS: formers.isEmpty ? nil : formers, running: cluster.running,
      disabledReason: lockoutInForce(of: cluster)?.reason)
    wanted.joining = cluster.joining
    let followed = versionFollowed(in: cluster, above: wanted.version)
    guard wanted != cluster.assignment || followed > wanted.version else { return false }
    wanted.version = followed &+ 1
    cluster.assignment = wanted
    put(cluster)
    return true
  }

  /// The newest version that a node follows: a store that was restored from a copy is behind it. A claim beyond belief
  /// is not heard.
  private func versionFollowed(in cluster: ClusterRecord, above own: UInt64) -> UInt64 {
    let followed = cluster.everyone.compactMap { followedVersion(of: $0) }
    return followed.filter { $0 > own && $0 - own < CoordinatorLimits.furthestAssignment }.max() ?? own
  }

  /// The version that a node follows, one more if it got it in a life that this store knows nothing of: the same number
  /// may stand for something else there.
  private func followedVersion(of node: NodeName) -> UInt64? {
    guard let contact = contacts[node], let version = contact.report?.assignmentVersion else { return nil }
    return contact.isAheadOfStore && contact.assignmentSent?.version != version ? version &+ 1 : version
  }

  /// Whether some node follows what this store never gave out: then the cluster's assignment needs a newer version.
  func isOutrun(_ cluster: ClusterRecord) -> Bool {
    guard let own = cluster.assignment?.version else { return false }
    return versionFollowed(in: cluster, above: own) > own
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
      driverAddress: known(report?.driverAddress, last?.driverAddress), publicKey: admittedKey(of: node),
      boot: report?.boot ?? last?.boot)
  }
}
