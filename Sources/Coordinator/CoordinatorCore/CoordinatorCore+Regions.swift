// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// A key whose own region is out while another stands in for it: an outage all the same, and said so.
extension CoordinatorCore {
  mutating func noteRegion(of name: ProjectName, check: CheckReport, now: Instant) {
    guard let elsewhere = check.answeredElsewhere, let own = projectRecords[name]?.kms?.region,
      wants(.kmsUnreachable, name)
    else { return closeAlert(.kmsUnreachable, subject: name.text, now: now) }
    openAlert(
      .kmsUnreachable, subject: name.text,
      text: "The KMS of project \(name) can't be asked in \(own); the replica in \(elsewhere) stands in for it.",
      next: Self.regionAdvice(name), now: now)
  }

  mutating func noteRegion(of node: NodeName, check: CheckReport, project name: ProjectName, now: Instant) {
    guard let elsewhere = check.answeredElsewhere, let own = projectRecords[name]?.kms?.region,
      wants(.kmsUnreachable, name)
    else { return noteReach(of: node, now: now) }
    openAlert(
      .kmsUnreachable, subject: node.text,
      text: "Node \(node) can't ask the KMS in \(own); the replica in \(elsewhere) stands in for it.",
      next: Self.regionAdvice(name), now: now)
  }

  private static func regionAdvice(_ project: ProjectName) -> String {
    "Nothing has to be done at once: nodes start and are checked there. To move for good, name the replica's ARN: "
      + "keyfold kms set \(project) --key …"
  }
}
