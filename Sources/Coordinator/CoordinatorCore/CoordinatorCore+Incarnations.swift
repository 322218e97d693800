// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// One live process per node: the one whose hello was accepted last.
///
/// A new process takes the place at once if nobody has it: the former one's link ended, or it fell silent. Otherwise it
/// waits and is told nothing. A word of the former one, later than any message can be on its way, proves that both run
/// at once: then the second is refused until an operator approves it, whatever becomes of the first. After a start of
/// the coordinator a node's place is kept for a moment for the process that had it before.
extension CoordinatorCore {
  /// The process that may speak for a node, nil if none said hello in this life of the coordinator.
  public func liveBoot(of node: NodeName) -> BootID? {
    contacts[node].flatMap { $0.helloAt == nil ? nil : $0.report?.boot }
  }

  /// What the processes of a node with a link said last, for a core that takes this one's place: the one that has the
  /// node's place, then the one that waits for it.
  public func lastHellos(of node: NodeName) -> [(report: NodeReport, isAheadOfStore: Bool)] {
    guard let contact = contacts[node] else { return [] }
    let first = contact.helloAt == nil ? nil : contact.report.map { ($0, contact.isAheadOfStore) }
    return [first, contact.second.map { ($0.report, $0.isAheadOfStore) }].compactMap { $0 }
  }

  /// The last report of a process that waits for the node's place, nil if none does.
  public func waitingReport(of node: NodeName) -> NodeReport? { contacts[node]?.second?.report }

  /// Whether a process that says hello has to wait.
  func hasToWait(_ boot: BootID, at node: NodeName, of record: NodeRecord, now: Instant) -> Bool {
    guard let contact = contacts[node] else { return false }
    if contact.helloAt == nil {
      guard let before = record.report?.boot, before != boot else { return false }
      return now.isWithin(CoordinatorLimits.returnWindow, after: startedAt)
    }
    return contact.report?.boot != boot && contact.isHeard(now: now)
  }

  /// Takes note of a process that has to wait, or hears it again.
  mutating func hearSecond(_ node: NodeName, report: NodeReport, isAheadOfStore: Bool = false, now: Instant) {
    if var second = contacts[node]?.second, second.report.boot == report.boot {
      second.report = Self.bounded(report)
      second.heardAt = now
      contacts[node]?.second = second
    } else {
      let isFormer = nodeRecords[node]?.formerBoots.contains(report.boot) == true
      contacts[node]?.second = SecondIncarnation(
        report: Self.bounded(report), since: now, heardAt: now, isRefused: isFormer, isAheadOfStore: isAheadOfStore)
    }
    judgeSecond(of: node, now: now)
  }

  /// Lets the second process in if the first is gone, refuses it if both run, forgets it if it is gone itself.
  mutating func judgeSecond(of node: NodeName, now: Instant) {
    guard let contact = contacts[node], var second = contact.second else { return }
    if second.heardAt > now {
      // The clock was set back since: what would be in the future was just now.
      (second.since, second.heardAt) = (min(second.since, now), now)
      contacts[node]?.second = second
    }
    if !now.isWithin(CoordinatorLimits.silence, after: second.heardAt) {
      // While nobody has the place it waits on, for as long as its link is up: it won't say hello on that again.
      if contact.helloAt != nil { forgetSecond(of: node, now: now) }
      return
    }
    let isKept = contact.helloAt == nil && now.isWithin(CoordinatorLimits.returnWindow, after: startedAt)
    if !second.isRefused, !isKept, !contact.isHeard(now: now) {
      contacts[node]?.second = nil
      return welcome(node, report: second.report, isAheadOfStore: second.isAheadOfStore, now: now)
    }
    let proof = second.since + CoordinatorLimits.incarnationProof
    let bothRun = contact.helloAt != nil && contact.heardAt.map { $0 >= proof } == true && second.heardAt >= proof
    if bothRun, !second.isRefused {
      second.isRefused = true
      contacts[node]?.second = second
    }
    // A late word of a process that is gone proves nothing.
    guard second.isRefused, contact.helloAt != nil, second.heardAt >= proof else { return }
    openAlert(
      .secondIncarnation, subject: node.text,
      text:
        "Two agents run as node \(node); the second, boot \(second.report.boot), gets nothing. Stop one of them; if "
        + "the second is the right one: keyfold node approve \(node)", now: now)
    if let told = second.toldAt, now.isWithin(CoordinatorLimits.versionResend, after: told) { return }
    if case .notApproved = second.report.phase { return }
    contacts[node]?.second?.toldAt = now
    refuse(second.report.boot, of: node)
  }

  private mutating func refuse(_ boot: BootID, of node: NodeName) {
    guard let cluster = nodeRecords[node]?.cluster, var assignment = clusterRecords[cluster]?.assignment else { return }
    assignment.kms = nil
    assignment.formerKMS = nil
    assignment.notApprovedReason = "another agent runs as node \(node); see keyfold node show \(node)"
    sends.append(.refuse(node, boot, assignment))
  }

  mutating func forgetSecond(of node: NodeName, now: Instant) {
    contacts[node]?.second = nil
    closeAlert(.secondIncarnation, subject: node.text, now: now)
  }

  /// Gives a node's place to the process that waits for it; the one before is refused from now on.
  mutating func admitSecond(_ second: SecondIncarnation, at node: NodeName, now: Instant) {
    let former = contacts[node].flatMap { $0.isHeard(now: now) && $0.helloAt != nil ? $0.report : nil }
    contacts[node]?.second = nil
    closeAlert(.secondIncarnation, subject: node.text, now: now)
    contacts[node]?.commits = []
    welcome(node, report: second.report, isAheadOfStore: second.isAheadOfStore, now: now)
    guard let former else { return }
    hearSecond(node, report: former, now: now)
    contacts[node]?.second?.since = now - CoordinatorLimits.incarnationProof
    judgeSecond(of: node, now: now)
  }
}
