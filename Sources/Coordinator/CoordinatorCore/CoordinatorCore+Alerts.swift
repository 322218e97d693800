// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

extension CoordinatorCore {
  /// Opens an alert, or changes the text of the open one of this kind and subject.
  mutating func openAlert(_ kind: AlertKind, subject: String, text: String, next: String? = nil, now: Instant) {
    let text = Self.bounded(text)
    if var alert = openAlert(kind, subject: subject) {
      alert.text = text
      alert.next = next
      put(alert)
      return
    }
    let id = "\(kind.rawValue)/\(subject)/\(now.milliseconds)"
    let alert = AlertRecord(id: id, kind: kind, subject: subject, text: text, next: next, openedAt: now)
    put(alert)
    sends.append(.alertOpened(alert))
  }

  /// Closes the open alert of this kind and subject, if there is one.
  mutating func closeAlert(_ kind: AlertKind, subject: String, now: Instant) {
    guard var alert = openAlert(kind, subject: subject) else { return }
    alert.closedAt = now
    put(alert)
    sends.append(.alertClosed(alert))
  }

  func openAlert(_ kind: AlertKind, subject: String) -> AlertRecord? {
    index.openAlerts[AlertTopic(kind: kind, subject: subject)].flatMap { alertRecords[$0] }
  }

  /// The open alerts of one kind, by subject.
  func openAlerts(of kind: AlertKind) -> [AlertRecord] {
    index.openAlerts.filter { $0.key.kind == kind }.compactMap { alertRecords[$0.value] }
      .sorted { $0.subject < $1.subject }
  }

  /// Damage and failure are worth an alert until a report without them.
  mutating func watchHealth(of node: NodeName, report: NodeReport, now: Instant) {
    closeAlert(.nodeSilent, subject: node.text, now: now)
    if case .failed(let reason) = report.phase {
      openAlert(.nodeFailed, subject: node.text, text: "Node \(node) can't open its data: \(reason)", now: now)
    } else {
      closeAlert(.nodeFailed, subject: node.text, now: now)
    }
    if let damage = report.damage.first {
      let others = report.damage.count > 1 ? " (and \(report.damage.count - 1) more)" : ""
      openAlert(
        .nodeDamaged, subject: node.text, text: "Node \(node): \(damage.file) is damaged: \(damage.reason)\(others)",
        now: now)
    } else {
      closeAlert(.nodeDamaged, subject: node.text, now: now)
    }
  }

  mutating func watchSilence(of cluster: ClusterName, now: Instant) {
    for node in clusterRecords[cluster]?.nodes ?? [] {
      guard let contact = contacts[node], !contact.isHeard(now: now) else { continue }
      let since = contact.heardAt ?? startedAt
      guard now - since > CoordinatorLimits.silenceAlert else { continue }
      openAlert(
        .nodeSilent, subject: node.text, text: "Node \(node) of cluster \(cluster) has not been heard of.", now: now)
    }
  }
}
