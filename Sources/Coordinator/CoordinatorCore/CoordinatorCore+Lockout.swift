// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Locking clusters out when their key was revoked, and letting them in again.
extension CoordinatorCore {
  /// Disables every node of every cluster that holds data under a key of the project; true if there was one left.
  mutating func lockOut(
    _ project: ProjectName, key: String, reason: RevocationReason, detail: String, startedAt: Int64, now: Instant
  ) -> Bool {
    var isNews = false
    let text = "the key is revoked (\(reason.rawValue)): \(detail)"
    for var cluster in clusters(of: project) where isUnderKey(cluster, key) && cluster.lockout == nil {
      var commands: [NodeName: CommandID] = [:]
      for node in cluster.everyone { commands[node] = CommandID(checked: identifiers.uuid()) }
      cluster.lockout = Lockout(
        reason: Self.bounded(text), customerKeyID: key,
        // A node's clock has no say in when the cluster may come back.
        checkStartedAtMilliseconds: min(startedAt, now.milliseconds), since: now, commands: commands)
      put(cluster)
      isNews = true
      audit(
        "cluster lock-out", on: cluster.name.text, "key \(key) of project \(project): \(Self.bounded(text))", now: now)
    }
    let locked = clusters(of: project).filter { $0.lockout != nil }.map(\.name)
    beginEpisode(
      project, clusters: locked, reason: text, next: Self.advice(reason, project: project), now: now)
    return isNews
  }

  /// Lets clusters in again whose lock-out is older than this valid check of its key; true if there was one. Once
  /// nothing is under that key any more, nobody looks at it, and the key in force decides.
  mutating func readmit(_ project: ProjectName, check: CheckReport, now: Instant) -> Bool {
    var isNews = false
    for var cluster in clusters(of: project) {
      guard let lockout = cluster.lockout, isKeyOf(lockout, of: cluster, check.customerKeyID),
        check.startedAtMilliseconds > lockout.checkStartedAtMilliseconds
          || lockout.checkStartedAtMilliseconds > now.milliseconds
      else { continue }
      for command in lockout.commands.values { deliveries[command] = nil }
      cluster.lockout = nil
      put(cluster)
      isNews = true
      audit(
        "cluster readmission", on: cluster.name.text,
        "key \(check.customerKeyID) of project \(project) is valid again; before: \(lockout.reason)", now: now)
    }
    endEpisode(project, now: now)
    return isNews
  }

  /// Whether a lock-out ends by a valid check of this key.
  private func isKeyOf(_ lockout: Lockout, of cluster: ClusterRecord, _ key: String) -> Bool {
    if CustomerKey.isSame(lockout.customerKeyID, key) { return true }
    let isFree = cluster.everyone.allSatisfy { node in
      keysHeld(by: node).allSatisfy { !CustomerKey.isSame($0.key, lockout.customerKeyID) }
    }
    return isFree && projectRecords[cluster.project]?.kms?.keyID == key
  }

  /// The lock-out of a cluster that is carried out. One in a store that was restored is from the copy, and may be over
  /// long since: a check of this life has to see the revocation too, unless an operator adopts what is.
  func lockoutInForce(of cluster: ClusterRecord) -> Lockout? {
    guard let lockout = cluster.lockout, restoration != nil, lockout.since < startedAt else { return cluster.lockout }
    let isSeen = ownChecks(of: cluster.project).contains { check in
      guard case .revoked = check.verdict else { return false }
      return CustomerKey.isSame(check.customerKeyID, lockout.customerKeyID)
        && check.startedAtMilliseconds >= startedAt.milliseconds
    }
    return isSeen ? lockout : nil
  }

  /// Sends the command that locks out to every member that is heard and not locked out, also to one whose data is still
  /// plain because the cluster is half-way through its encryption: it holds what the others hold.
  mutating func enforceLockout(of name: ClusterName, now: Instant) {
    guard let cluster = clusterRecords[name], let lockout = lockoutInForce(of: cluster) else { return }
    for node in cluster.everyone
    where (nodeRecords[node]?.generation ?? contacts[node]?.report?.generation) != nil {
      guard let id = lockout.commands[node], let contact = contacts[node], contact.isHeard(now: now),
        let phase = contact.report?.phase
      else { continue }
      switch phase {
      case .disabled, .awaitingSettings, .empty, .notApproved: continue
      case .awaitingKMS, .opening, .serving, .stopped, .failed: break
      }
      var delivery = deliveries[id] ?? Delivery(sentAt: now)
      if delivery.sends > 0, now.isWithin(Self.resendDelay(after: delivery.sends), after: delivery.sentAt) { continue }
      delivery.sends += 1
      delivery.sentAt = now
      deliveries[id] = delivery
      sends.append(.sendCommand(node, NodeCommand(id: id, plan: nil, action: .disable(reason: lockout.reason))))
    }
  }
}
