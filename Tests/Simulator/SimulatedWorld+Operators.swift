// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// What operators decide when the coordinator asks them.
extension SimulatedWorld {
  /// An operator sees the alert of a second process and lets it in: here no node is ever run twice, so that the one
  /// that waits is the one that lives, or a word of one that is gone, which the next alert puts right.
  func approveSoon(_ subject: String) {
    after(dice.within(3000...60_000)) { [unowned self] in
      guard coordinator.process != nil, coordinator.pausedUntil <= now else { return approveSoon(subject) }
      let name = NodeName(checked: subject)
      guard coordinator.core?.waitingReport(of: name) != nil else { return }
      statistics.count("approval")
      note("an operator approves \(name)")
      _ = coordinator.order { try $0.approveNode(name, by: OperatorName(checked: "admin"), now: $1) }
    }
  }
}
