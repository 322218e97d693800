// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Keystores only go forward: an older one, or one under a master key nobody asked for, is suspect.
extension CoordinatorCore {
  mutating func guardKeystore(_ node: NodeName, report: NodeReport, now: Instant) {
    guard var record = nodeRecords[node], let found = report.generation else { return }
    if let distrust = fault(in: found, of: record) {
      record.distrust = distrust
      put(record)
      openAlert(.keystoreDistrusted, subject: node.text, text: "Node \(node): \(distrust).", now: now)
      return
    }
    if record.distrust != nil {
      record.distrust = nil
      closeAlert(.keystoreDistrusted, subject: node.text, now: now)
    }
    if let last = record.generation, last.id != found.id {
      record.formerGenerations.append(last.id)
      record.formerGenerations.removeFirst(max(0, record.formerGenerations.count - CoordinatorLimits.generationHistory))
    }
    record.generation = found
    if let key = found.masterKeyID, let value = found.masterKeyCheckValue, record.masterKeys.last?.id != key {
      record.masterKeys.append(
        MasterKeyRecord(
          id: key, checkValue: value, generation: found.id, keystoreVersion: found.keystoreVersion, seenAt: now))
      record.masterKeys.removeFirst(max(0, record.masterKeys.count - CoordinatorLimits.masterKeyHistory))
    }
    put(record)
  }

  private func fault(in found: GenerationReport, of record: NodeRecord) -> String? {
    if record.formerGenerations.contains(found.id) {
      return "it opened generation \(found.id), which it had given up"
    }
    guard let last = record.generation, last.id == found.id else { return nil }
    if last.encrypted, !found.encrypted { return "its generation \(found.id) was encrypted and is not any more" }
    if found.keystoreVersion < last.keystoreVersion {
      return "its keystore has version \(found.keystoreVersion), but version \(last.keystoreVersion) is recorded"
    }
    guard found.masterKeyCheckValue != last.masterKeyCheckValue || found.masterKeyID != last.masterKeyID else {
      return nil
    }
    let sameKeyOtherValue = found.masterKeyID == last.masterKeyID
    if sameKeyOtherValue || !rotationIsAsked(of: record) {
      return "its keystore is under a master key that nobody recorded"
    }
    return nil
  }

  /// Whether an open plan has asked the node for a new master key; a step that was interrupted counts too.
  private func rotationIsAsked(of record: NodeRecord) -> Bool {
    guard let cluster = record.cluster else { return false }
    return openPlans(of: cluster).contains { plan in
      plan.steps.contains {
        $0.kind == .rotateMasterKey && $0.node == record.name && $0.attempts > 0 && $0.state != .done
      }
    }
  }
}
