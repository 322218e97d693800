// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Keystores only go forward: an older one, or one under a master key nobody asked for, does not open.
///
/// A node's process that was trusted is believed in what it does to its own keystore: it opens nothing but what it told
/// of in its hello. So the rules bite where a new process begins, with whatever is on the disk by then. What a crash
/// may leave before it could be reported is allowed for: more database keys under the recorded master key; a new master
/// key while a rotation of that node is asked for and not seen done; a new generation while a re-sync is.
extension CoordinatorCore {
  /// What a report's keystore is to what is recorded.
  private enum Judgement: Equatable {
    case trusted
    /// It can't be read: a fault of the node, which can't open it either.
    case unreadable
    /// `ahead` if this store may be the older one, `lost` if the keystore is gone.
    case distrusted(String, ahead: Bool, lost: Bool = false)
  }

  mutating func guardKeystore(_ node: NodeName, report: NodeReport, now: Instant) {
    guard var record = nodeRecords[node], let found = report.generation else { return }
    // One that leaves destroys what it has, its keystore first: there is nothing to be guarded any more.
    if let cluster = record.cluster, clusterRecords[cluster]?.leaving == node { return }
    if record.generation == found, record.distrust == nil, record.leftBehind == nil { return }
    switch judge(found, of: record, boot: report.boot, now: now) {
    case .unreadable: return
    case .trusted: break
    case .distrusted(let reason, let ahead, let lost):
      record.distrust = Self.bounded(reason)
      record.isAhead = ahead
      record.isKeystoreLost = lost ? true : nil
      put(record)
      noteDistrust(of: node, reason: reason, now: now)
      return
    }
    if record.distrust != nil {
      record.distrust = nil
      record.isAhead = nil
      record.isKeystoreLost = nil
      closeAlert(.keystoreDistrusted, subject: node.text, now: now)
      contacts[node]?.assignmentSentAt = nil
    }
    accept(found, into: &record, now: now)
    put(record)
  }

  private mutating func noteDistrust(of node: NodeName, reason: String, now: Instant) {
    openAlert(
      .keystoreDistrusted, subject: node.text,
      text:
        "Node \(node): \(reason). It gets no KMS settings. If you know why: keyfold node approve \(node); "
        + "for fresh data: keyfold node resync \(node)", now: now)
  }

  /// Records a live generation as the one the node has.
  mutating func accept(_ found: GenerationReport, into record: inout NodeRecord, now: Instant) {
    noteHistory(of: record.name, from: record.generation, to: found, now: now)
    record.leftBehind = nil
    if let last = record.generation, last.id != found.id {
      record.formerGenerations.removeAll { $0 == last.id }
      record.formerGenerations.append(last.id)
    }
    record.formerGenerations.removeAll { $0 == found.id }
    record.formerGenerations.removeFirst(max(0, record.formerGenerations.count - CoordinatorLimits.generationHistory))
    record.generation = found
    guard let key = found.masterKeyID, let value = found.masterKeyCheckValue, record.masterKeys.last?.id != key else {
      return
    }
    record.masterKeys.removeAll { $0.id == key }
    record.masterKeys.append(
      MasterKeyRecord(
        id: key, checkValue: value, generation: found.id, keystoreVersion: found.keystoreVersion, seenAt: now))
    record.masterKeys.removeFirst(max(0, record.masterKeys.count - CoordinatorLimits.masterKeyHistory))
  }

  private func judge(_ found: GenerationReport, of record: NodeRecord, boot: BootID, now: Instant) -> Judgement {
    if found.encrypted, found.masterKeyID == nil { return .unreadable }
    if record.leftBehind == found.id {
      return .distrusted("its shard was recovered without it, so what it has may contradict the others", ahead: false)
    }
    guard let last = record.generation else {
      // A new node has made what it was asked for.
      if isAsked([.initialSync], of: record, now: now) { return .trusted }
      return found.encrypted ? .distrusted("nobody recorded any keystore of it, and it has one", ahead: true) : .trusted
    }
    if !last.encrypted, !found.encrypted { return .trusted }
    if record.formerGenerations.contains(found.id) {
      return .distrusted("it has generation \(found.id), which it had given up", ahead: false)
    }
    if last.id == found.id { return judgeSame(found, last: last, of: record, now: now) }
    let isOwnDoing = record.distrust == nil && record.report?.boot == boot
    if isOwnDoing || isAsked([.resync, .initialSync], of: record, now: now) { return .trusted }
    return .distrusted("it has generation \(found.id), and nobody asked it for a new one", ahead: true)
  }

  /// The same generation, by a keystore that may be another.
  private func judgeSame(
    _ found: GenerationReport, last: GenerationReport, of record: NodeRecord, now: Instant
  ) -> Judgement {
    if last.encrypted, !found.encrypted {
      return .distrusted(
        "its keystore is missing: generation \(found.id) was encrypted and is not any more", ahead: false, lost: true)
    }
    if found.keystoreVersion < last.keystoreVersion {
      return .distrusted(
        "its keystore has version \(found.keystoreVersion), but version \(last.keystoreVersion) is recorded",
        ahead: false)
    }
    if found.masterKeyID == last.masterKeyID {
      return found.masterKeyCheckValue == last.masterKeyCheckValue
        ? .trusted : .distrusted("its keystore names the recorded master key but is under another", ahead: false)
    }
    if record.masterKeys.contains(where: { $0.id == found.masterKeyID }) {
      return .distrusted("its keystore is under a master key that was replaced", ahead: false)
    }
    let isNewer = found.keystoreVersion > last.keystoreVersion
    if isNewer, isAsked([.rotateMasterKey], of: record, now: now) { return .trusted }
    return .distrusted("its keystore is under a master key that nobody recorded", ahead: isNewer)
  }

  /// Whether an open plan has asked the node for this; a step that was interrupted counts too. So does a plan that
  /// another replaced not long ago: what it had asked for may have been done, and not been heard of yet.
  private func isAsked(_ kinds: Set<StepKind>, of record: NodeRecord, now: Instant) -> Bool {
    guard let cluster = record.cluster else { return false }
    return planRecords.values.contains { plan in
      plan.cluster == cluster && (plan.isOpen || wasReplaced(plan, now: now))
        && plan.steps.contains {
          kinds.contains($0.kind) && $0.node == record.name && $0.attempts > 0 && $0.state != .done
        }
    }
  }

  /// Whether decisions still go by a plan that ended: what it had asked for may just be done, or its shard went on from
  /// one member by it, and the others vote again one by one.
  func isRemembered(_ plan: PlanRecord, now: Instant) -> Bool {
    if wasReplaced(plan, now: now) { return true }
    guard plan.kind == .recover, plan.outcome == .succeeded, clusterRecords[plan.cluster] != nil else { return false }
    return !planRecords.values.contains {
      $0.cluster == plan.cluster && $0.kind == .recover && $0.outcome == .succeeded && $0.sequence > plan.sequence
    }
  }

  private func wasReplaced(_ plan: PlanRecord, now: Instant) -> Bool {
    guard case .superseded = plan.outcome, let end = plan.finishedAt else { return false }
    return now.isWithin(CoordinatorLimits.replacedPlanMemory, after: end)
  }
}
