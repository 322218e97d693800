// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Every use of a KMS key in the audit record, once: what nodes report, and the coordinator's own.
extension CoordinatorCore {
  /// A node reports uses of KMS keys. Those that are new go into the record, in one transaction with the mark up to
  /// where they are there; the node is told the mark, also if it reports again what is there already. Of a node that
  /// reports more than `CoordinatorLimits.keyUsesPerHour` the rest is not taken yet.
  public mutating func onKeyUses(_ node: NodeName, report: KeyUseReport, now: Instant) -> [CoordinatorDirective] {
    guard var record = nodeRecords[node], let first = report.uses.first, first.number > 0,
      zip(report.uses, report.uses.dropFirst()).allSatisfy({ $0.number < $1.number })
    else { return [] }
    var marks = record.keyUses ?? []
    var mark = marks.first { $0.boot == report.boot } ?? KeyUseMark(boot: report.boot, through: 0)
    let known = mark.through
    let fresh = report.uses.filter { $0.number > known }
    for numbered in fresh.prefix(contacts[node]?.keyUseAllowance.take(fresh.count, now: now) ?? 0) {
      // What was given up after it had been taken, and before the node heard so, is not lost.
      let lost = mark.through > 0 ? numbered.number - mark.through - 1 : numbered.lostBefore
      if lost > 0 { noteLostUses(lost, by: .node(node), at: node.text, now: now) }
      audit(numbered.use, by: .node(node), now: now)
      mark.through = numbered.number
    }
    if mark.through > known {
      marks.removeAll { $0.boot == mark.boot }
      marks.append(mark)
      marks.removeFirst(max(0, marks.count - CoordinatorLimits.keyUseLives))
      record.keyUses = marks
      put(record)
    }
    if mark.through > 0 { sends.append(.tellKeyUsesTaken(node, mark)) }
    return flush()
  }

  /// The coordinator asked a KMS itself; `lost` are uses before that could not be kept.
  public mutating func onOwnKeyUse(_ use: KeyUse, lost: UInt64 = 0, now: Instant) -> [CoordinatorDirective] {
    if lost > 0 { noteLostUses(lost, by: .coordinator, at: "coordinator", now: now) }
    audit(use, by: .coordinator, now: now)
    return flush()
  }

  private mutating func audit(_ use: KeyUse, by party: AuditParty, now: Instant) {
    let outcome = use.failure.map { "failed: \($0)" } ?? "done"
    audit(
      AuditEntry(
        // Nothing was done in the future, whatever a node's clock says.
        at: OperatorTime(milliseconds: min(use.startedAtMilliseconds, now.milliseconds)), by: party,
        action: "kms \(use.operation.rawValue)", subject: use.keyID, detail: "\(use.provider.rawValue): \(outcome)",
        requestID: use.requestID.isEmpty ? nil : use.requestID), now: now)
  }

  private mutating func noteLostUses(_ count: UInt64, by party: AuditParty, at subject: String, now: Instant) {
    audit(
      AuditEntry(
        at: OperatorTime(milliseconds: now.milliseconds), by: party, action: "kms uses lost", subject: subject,
        detail: "\(count) uses of KMS keys before the next entry were not kept"), now: now)
  }
}

/// How many uses of KMS keys a node may have recorded now; grows with time.
struct KeyUseAllowance: Sendable {
  private var left = Double(CoordinatorLimits.keyUsesAtOnce)
  private var countedAt: Instant?

  /// Takes up to `count` of what is allowed now and answers how many.
  mutating func take(_ count: Int, now: Instant) -> Int {
    if let countedAt, now > countedAt {
      let hours = (now - countedAt) / .seconds(3600)
      left = min(left + hours * Double(CoordinatorLimits.keyUsesPerHour), Double(CoordinatorLimits.keyUsesAtOnce))
    }
    countedAt = now
    let taken = min(count, Int(left))
    left -= Double(taken)
    return taken
  }
}
