// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Messages

/// The audit record: what operators read of it, and what nodes witness.
extension Coordinator {
  /// A part of the record, with what is needed to check it.
  func auditPage(after sequence: UInt64?, limit: Int) throws(CoordinatorFault) -> AuditPage {
    let memory = surroundings.memory
    let head = try memory.auditHead()
    let last = head.sequence - min(head.sequence, UInt64(clamping: limit))
    return AuditPage(
      links: try memory.audit(after: sequence ?? last, limit: limit), base: try memory.auditBase(), head: head,
      witnesses: core.auditWitnesses, retained: UInt64(CoordinatorMemory.retainedAuditEntries))
  }

  /// Looks whether somebody removed the record's beginning, which no node can tell: each knows its end alone.
  func examineAuditBeginning() throws(CoordinatorFault) {
    let memory = surroundings.memory
    let removal = try memory.auditBase().removal(
      before: try memory.auditHead(), retained: UInt64(CoordinatorMemory.retainedAuditEntries))
    try perform(core.onAuditBeginning(removal: removal, now: now))
  }

  /// A node says what it was told last.
  func hear(_ message: AuditHeadMessage, from node: NodeName) throws(CoordinatorFault) {
    try perform(
      core.onAuditWitness(
        node, head: message.head, contradiction: try contradiction(of: message.head), now: now))
  }

  /// Why the record does not have this head, nil if it has, or if the entry was kept long enough and is gone: then as
  /// many are there as are kept.
  private func contradiction(of head: AuditHead) throws(CoordinatorFault) -> String? {
    let memory = surroundings.memory
    let base = try memory.auditBase()
    if head == base { return nil }
    if head.sequence < base.sequence {
      let end = try memory.auditHead().sequence
      let isFull = end >= base.sequence && end - base.sequence >= UInt64(CoordinatorMemory.retainedAuditEntries)
      return isFull ? nil : "the record's beginning was moved past it"
    }
    if head.sequence == 0 { return head == .empty ? nil : "an empty record has no such hash" }
    guard let link = try memory.audit(after: head.sequence - 1, limit: 1).first, link.sequence == head.sequence else {
      return "the record here ends before it, at entry \(try memory.auditHead().sequence)"
    }
    return link.hash == head.hash ? nil : "the record here has another entry in that place"
  }

  func tellAuditHead(_ node: NodeName, replacing: AuditHead?) throws(CoordinatorFault) {
    send(.auditHead(AuditHeadMessage(try surroundings.memory.auditHead(), replacing: replacing)), to: node)
  }
}
