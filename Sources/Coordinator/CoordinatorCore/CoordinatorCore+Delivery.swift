// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Asking for what a step needs until the reports show it: repeating, waiting, asking anew.
extension CoordinatorCore {
  /// Sends, repeats or renews the command of a step under way; returns why it does not go on, nil if it does.
  mutating func pursue(_ index: Int, of id: PlanID, now: Instant) -> String? {
    guard var plan = planRecords[id], let cluster = clusterRecords[plan.cluster] else { return nil }
    let step = plan.steps[index]
    if let lockout = cluster.lockout { return "the cluster is disabled: \(lockout.reason)" }
    if let reason = doubt(on: plan) { return reason }
    if step.kind.isForPrimary, let now = primary(of: cluster, now: now), now != step.node {
      release(&plan.steps[index])
      put(plan)
      return "\(now) became primary"
    }
    guard let node = step.node, let command = step.command else {
      return primary(of: cluster, now: now) == nil ? "no node is primary yet" : "waiting for all nodes to serve"
    }
    if let reason = unheard(node, now: now) { return reason }
    guard let contact = contacts[node], let report = contact.report else { return nil }
    if report.work?.command == command.id { return nil }
    if step.kind.isDisruptive, cluster.nodes.count > 1, report.work == nil,
      primary(of: cluster, now: now) == node, !isRestarted(step, report)
    {
      release(&plan.steps[index])
      put(plan)
      return "\(node) became primary; it has to hand over first"
    }
    if step.kind == .restart, !isRestarted(step, report), !hasProof(node, in: cluster, now: now),
      plan.steps.count < CoordinatorLimits.maximumSteps
    {
      // What proved that it could start again has grown old since: it is not asked once more without another proof.
      release(&plan.steps[index])
      put(plan)
      return "waiting for \(node): it has to prove again that it can start"
    }
    if step.kind == .rotateMasterKey, report.generation?.encrypted == false {
      // It was copied into a plain generation meanwhile; what the order names is gone, and comes to nothing.
      release(&plan.steps[index])
      put(plan)
      return "waiting for \(node): it is plain"
    }
    if let reason = underWay(step, report) { return reason }
    if let reason = pauseForKMS(index, of: plan, now: now) { return reason }
    guard let delivery = deliveries[command.id], delivery.hellos == contact.hellos else {
      return send(index, of: id, anew: false, now: now)
    }
    return follow(delivery, index, of: id, heardAt: contact.heardAt, now: now)
  }

  /// What is being done on the node without any need to ask again.
  private func underWay(_ step: PlanStep, _ report: NodeReport) -> String? {
    switch step.kind {
    case .initialSync: return syncUnderWay(step, report)
    case .formShard, .start, .restart, .resync:
      switch report.phase {
      case .failed where step.kind == .start: return nil
      case .opening, .awaitingKMS, .failed, .notApproved:
        return "waiting for \(report.node): \(Self.words(report.phase))"
      case .awaitingSettings, .empty, .serving, .disabled, .stopped: return nil
      }
    case .awaitPrimary, .rotateMasterKey, .rewrapMasterKey, .handOver, .stop, .proveKMS, .forceSoleVoter, .admit,
      .retire, .leave:
      return nil
    }
  }

  private func isRestarted(_ step: PlanStep, _ report: NodeReport) -> Bool {
    if case .restart(let before) = step.command?.action { return report.boot != before }
    return false
  }

  /// Goes by the newest answer: none → repeat; accepted but idle, or done but not seen → ask anew; failed → later anew.
  private mutating func follow(
    _ delivery: Delivery, _ index: Int, of id: PlanID, heardAt: Instant?, now: Instant
  ) -> String? {
    guard let step = planRecords[id]?.steps[index], let node = step.node else { return nil }
    let answered = delivery.answeredAt ?? delivery.sentAt
    let resendDue = !now.isWithin(Self.resendDelay(after: delivery.sends), after: delivery.sentAt)
    let graceOver = !now.isWithin(CoordinatorLimits.observationGrace, after: answered)
    let pause = Self.retryDelay(after: step.attempts)
    let retryDue = !now.isWithin(pause, after: answered)
    switch delivery.answer {
    case nil: return (resendDue ? send(index, of: id, anew: false, now: now) : nil) ?? delivery.trouble
    case .accepted:
      guard graceOver, resendDue else { return nil }
      return send(index, of: id, anew: delivery.answers >= CoordinatorLimits.answeredSendsPerID, now: now)
    case .done:
      let reason = "waiting for \(node): it answered done, but its reports do not show it\(checkWords(step, node))"
      guard graceOver else { return delivery.trouble }
      if !retryDue { return reason + Self.nextAttempt(after: pause, since: answered, now: now) }
      return send(index, of: id, anew: true, trouble: reason, now: now) ?? reason
    case .failed(let reason):
      let trouble = "\(node): \(reason)"
      if !retryDue { return trouble + Self.nextAttempt(after: pause, since: answered, now: now) }
      return send(index, of: id, anew: true, trouble: trouble, now: now) ?? trouble
    case .refused(let reason):
      let newer = heardAt.map { $0 > answered } ?? false
      let changed = newer && action(of: step, node, plan: id) != step.command?.action
      let due = changed || !now.isWithin(CoordinatorLimits.refusedRetry, after: answered)
      let trouble = "\(node) refused: \(reason)"
      if !due { return trouble + Self.nextAttempt(after: CoordinatorLimits.refusedRetry, since: answered, now: now) }
      return send(index, of: id, anew: true, trouble: trouble, now: now) ?? trouble
    }
  }

  private func checkWords(_ step: PlanStep, _ node: NodeName) -> String {
    guard step.kind == .proveKMS, let verdict = contacts[node]?.report?.lastCheck?.verdict else { return "" }
    switch verdict {
    case .valid: return ""
    case .revoked(let reason, let detail): return " (its KMS check says revoked, \(reason.rawValue): \(detail))"
    case .unreachable(let reason, let detail): return " (its KMS check says unreachable, \(reason.rawValue): \(detail))"
    }
  }

  private func action(of step: PlanStep, _ node: NodeName, plan: PlanID) -> NodeAction? {
    guard let name = planRecords[plan]?.cluster, let cluster = clusterRecords[name] else { return nil }
    return action(for: step, at: node, in: cluster)
  }

  /// Sends a step's command if nothing speaks against it now; `anew` under a new id, persisted like the first.
  private mutating func send(
    _ index: Int, of id: PlanID, anew: Bool, trouble: String? = nil, now: Instant
  ) -> String? {
    guard var plan = planRecords[id], let cluster = clusterRecords[plan.cluster], let node = plan.steps[index].node,
      var command = plan.steps[index].command
    else { return nil }
    if let reason = hindrance(to: plan.steps[index], in: cluster, now: now) { return reason }
    if anew {
      deliveries[command.id] = nil
      let action = action(for: plan.steps[index], at: node, in: cluster) ?? command.action
      command = NodeCommand(id: CommandID(checked: identifiers.uuid()), plan: id, action: action)
      plan.steps[index].command = command
      plan.steps[index].attempts += 1
      put(plan)
    }
    if let reason = waitForSlot(command, to: node, now: now) { return reason }
    var delivery = deliveries[command.id] ?? Delivery(sentAt: now)
    delivery.sends += 1
    delivery.sentAt = now
    delivery.hellos = contacts[node]?.hellos ?? 0
    delivery.answer = nil
    delivery.trouble = trouble ?? delivery.trouble
    deliveries[command.id] = delivery
    sends.append(.sendCommand(node, command))
    return nil
  }

  /// The node that a command of an open plan or a lock-out was sent to.
  func commandOwner(_ command: CommandID, in cluster: ClusterName) -> NodeName? {
    if let owner = clusterRecords[cluster]?.lockout?.commands.first(where: { $0.value == command })?.key {
      return owner
    }
    for plan in openPlans(of: cluster) {
      if let step = plan.steps.first(where: { $0.command?.id == command }) { return step.node }
    }
    return nil
  }

  private static func nextAttempt(after pause: Duration, since: Instant, now: Instant) -> String {
    let left = (pause - (now - since)).wholeMilliseconds
    return "; next attempt in \(max(1, (left + 999) / 1000)) s"
  }

  static func resendDelay(after sends: Int) -> Duration {
    backOff(CoordinatorLimits.firstResend, CoordinatorLimits.longestResend, times: sends)
  }

  static func retryDelay(after attempts: Int) -> Duration {
    backOff(CoordinatorLimits.firstRetry, CoordinatorLimits.longestRetry, times: attempts)
  }

  private static func backOff(_ first: Duration, _ longest: Duration, times: Int) -> Duration {
    min(first * (1 << min(max(times - 1, 0), 16)), longest)
  }
}
