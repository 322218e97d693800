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

  /// Lets clusters in again whose lock-out is older than this valid check; true if there was one.
  mutating func readmit(_ project: ProjectName, check: CheckReport, now: Instant) -> Bool {
    var isNews = false
    for var cluster in clusters(of: project) {
      guard let lockout = cluster.lockout, CustomerKey.isSame(lockout.customerKeyID, check.customerKeyID),
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

  /// Sends the command that locks out to every member that is heard and not locked out, also to one whose data is still
  /// plain because the cluster is half-way through its encryption: it holds what the others hold.
  mutating func enforceLockout(of name: ClusterName, now: Instant) {
    guard let cluster = clusterRecords[name], let lockout = cluster.lockout else { return }
    for node in cluster.everyone where nodeRecords[node]?.generation != nil {
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
