// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What is kept for good, and the nodes as witnesses that nobody rewrote it.
///
/// The record itself is the store's; the core decides what goes into it and whom to tell where it ends.
extension CoordinatorCore {
  /// Keeps a decision of an operator.
  mutating func audit(_ command: String, by admin: OperatorName, on subject: String, _ what: String, now: Instant) {
    audit(
      AuditEntry(
        at: OperatorTime(milliseconds: now.milliseconds), by: .operatorKey(admin), action: command, subject: subject,
        detail: what), now: now)
  }

  /// What the coordinator does by itself.
  mutating func audit(_ action: String, on subject: String, _ what: String, now: Instant) {
    audit(
      AuditEntry(
        at: OperatorTime(milliseconds: now.milliseconds), by: .coordinator, action: action, subject: subject,
        detail: what), now: now)
  }

  /// An operator's order begins: its entry goes to disk with the first thing that is decided for it, in the same
  /// transaction. `onOrder` has to follow in the same turn. What the core itself keeps of a decision, in its own words,
  /// is not kept twice.
  public mutating func noteOrder(_ command: OperatorCommand, by admin: OperatorName, now: Instant) {
    switch command {
    case .approveNode, .adopt, .rebuild, .recover, .deferRotation: break
    default:
      let what = command.auditDetail.map { "taken: \($0)" } ?? "taken"
      audit(command.commandName, by: admin, on: command.subject, what, now: now)
    }
  }

  /// An order that was noted is about to have effects elsewhere: its entry goes to disk before them.
  public mutating func keepOrder() -> [CoordinatorDirective] { flush() }

  /// An operator's order that was noted ended, or began if it ends later; `refusal` says why nothing was done, and is
  /// kept in place of the order. Only if that is on disk already both are.
  public mutating func onOrder(
    _ command: OperatorCommand, by admin: OperatorName, refusal: String?, now: Instant
  ) -> [CoordinatorDirective] {
    if let refusal {
      auditEntries.removeAll()
      audit(command.commandName, by: admin, on: command.subject, "refused: \(refusal)", now: now)
    }
    return flush()
  }

  /// Settings that an operator proposed were not proven, or could not be taken: those from before stay in force.
  public mutating func onKMSRefused(
    _ name: ProjectName, settings: KMSSettings, settingsVersion: UInt64, why: String, now: Instant
  ) -> [CoordinatorDirective] {
    audit(
      "kms settings refused", on: name.text, "version \(settingsVersion), key \(settings.keyID): \(why)", now: now)
    return flush()
  }

  mutating func audit(_ entry: AuditEntry, now: Instant) {
    auditEntries.append(entry)
    auditedAt = now
  }

  /// A node says which end of the audit record it was told of last; `contradiction` says why the store does not have
  /// that, nil if it has. Nobody tells the node of another end before somebody has answered for the contradiction.
  public mutating func onAuditWitness(
    _ node: NodeName, head: AuditHead, contradiction: String?, now: Instant
  ) -> [CoordinatorDirective] {
    guard contacts[node] != nil else { return [] }
    contacts[node]?.witness = AuditWitness(node: node, head: head, contradiction: contradiction)
    guard let contradiction else { return flush() }
    let text = "Node \(node) was told of \(head) of the audit record: \(contradiction)"
    // Once an hour at most: a node must not fill the record, from which the oldest entries go.
    let auditedAt = contacts[node]?.contradictionAuditedAt
    if auditedAt.map({ !now.isWithin(CoordinatorLimits.contradictionInterval, after: $0) }) ?? true {
      contacts[node]?.contradictionAuditedAt = now
      audit(
        AuditEntry(
          at: OperatorTime(milliseconds: now.milliseconds), by: .node(node), action: "audit contradicted",
          subject: "coordinator", detail: text), now: now)
    }
    openAlert(.auditContradicted, subject: node.text, text: text, now: now)
    return flush()
  }

  /// Whom an alert of the record itself is about: no node has such a name.
  static let auditSubject = "audit record"

  /// The coordinator starts; `removal` says that entries are missing from the record's beginning, nil if none are. What
  /// an operator has answered for is not said again.
  public mutating func onAuditBeginning(removal: String?, now: Instant) -> [CoordinatorDirective] {
    guard let removal else {
      closeAlert(.auditContradicted, subject: Self.auditSubject, now: now)
      return flush()
    }
    let text = "The beginning of the audit record is missing: \(removal)"
    let isSaid = alertRecords.values.contains { alert in
      alert.kind == .auditContradicted && alert.subject == Self.auditSubject && alert.text == text
    }
    if isSaid { return flush() }
    audit("audit contradicted", on: "coordinator", text, now: now)
    openAlert(
      .auditContradicted, subject: Self.auditSubject, text: text,
      next: "Compare with the last export; to go on with what is left: keyfold coordinator adopt", now: now)
    return flush()
  }

  /// What nodes were told of the record, as far as they are heard of.
  public var auditWitnesses: [AuditWitness] { contacts.keys.sorted().compactMap { contacts[$0]?.witness } }

  /// Closes alerts of nodes that bear the record out again, not before they have been seen.
  mutating func closeContradictions(now: Instant) {
    for alert in openAlerts(of: .auditContradicted) {
      guard let witness = contacts[NodeName(checked: alert.subject)]?.witness, witness.contradiction == nil,
        !now.isWithin(CoordinatorLimits.auditHeadInterval, after: alert.openedAt)
      else { continue }
      closeAlert(.auditContradicted, subject: alert.subject, now: now)
    }
  }

  /// Tells nodes where the record ends: each after it has said what it knows, and again whenever the record went on.
  mutating func tellWitnesses(now: Instant) {
    for node in contacts.keys.sorted() {
      guard let contact = contacts[node], contact.connected, let witness = contact.witness,
        witness.contradiction == nil
      else { continue }
      if let toldAt = contact.auditToldAt {
        guard let auditedAt, toldAt <= auditedAt, now - toldAt >= CoordinatorLimits.auditHeadInterval else { continue }
      }
      contacts[node]?.auditToldAt = now
      sends.append(.tellAuditHead(node, replacing: nil))
    }
  }

  /// An operator answers for what contradicts nodes: they take the record as it is.
  mutating func adoptAuditRecord(by admin: OperatorName, now: Instant) {
    for witness in auditWitnesses where witness.contradiction != nil {
      audit(
        "coordinator adopt", by: admin, on: witness.node.text,
        "takes the audit record as it is; was told of entry \(witness.head.sequence), hash \(witness.head.hash)",
        now: now)
      sends.append(.tellAuditHead(witness.node, replacing: witness.head))
    }
    guard let alert = openAlert(.auditContradicted, subject: Self.auditSubject) else { return }
    audit(
      "coordinator adopt", by: admin, on: "coordinator", "takes the audit record as it is: \(alert.text)", now: now)
    closeAlert(.auditContradicted, subject: Self.auditSubject, now: now)
  }

  var isAuditContradicted: Bool {
    auditWitnesses.contains { $0.contradiction != nil }
      || openAlert(.auditContradicted, subject: Self.auditSubject) != nil
  }
}
