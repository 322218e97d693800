// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// When nodes may ask a KMS: a fleet that starts, rotates or looks at its key together stays below the quota.
///
/// Each start of an encrypted node, and each look that it takes out of turn by itself, asks for a slot and is told when
/// it comes. Commands that make a node call are sent when theirs has come. What decides over a lock-out waits for none:
/// scheduled checks are spread over their interval from the moment of the start on, and of the nodes that are asked to
/// look a few are asked at once.
extension CoordinatorCore {
  /// Answers a node that asks for a slot, and again while it waits: the first answer may be lost, and it wants to say
  /// how many are before it.
  mutating func grantSlot(to node: NodeName, now: Instant) {
    guard let contact = contacts[node], let report = contact.report, let number = report.slotWanted else { return }
    let request = "\(report.boot) \(number)"
    if contact.slotRequest != request {
      slots.finish(node.text, now: now)
    } else if contact.helloAt != now, let told = contact.slotToldAt,
      now.isWithin(CoordinatorLimits.slotRepeat, after: told)
    {
      return
    }
    contacts[node]?.slotRequest = request
    contacts[node]?.slotToldAt = now
    // One that has no settings calls nobody.
    var (wait, position) = (Duration.zero, 0)
    if let settings = settings(for: node) {
      (wait, position) = slots.wait(of: node.text, calls: 1, under: settings, now: now)
    }
    let slot = StartSlot(
      number: number, waitMilliseconds: UInt64(clamping: wait.wholeMilliseconds), position: UInt32(clamping: position))
    sends.append(.grantSlot(node, slot))
  }

  /// Why a command that makes its node ask the KMS is not sent yet, nil if it may be. What is only repeated on the link
  /// that it was sent on makes no call of its own.
  mutating func waitForSlot(_ command: NodeCommand, to node: NodeName, now: Instant) -> String? {
    guard let calls = command.action.keyCalls, let settings = settings(for: node) else { return nil }
    if let delivery = deliveries[command.id], delivery.hellos == contacts[node]?.hellos { return nil }
    let (wait, position) = slots.wait(of: command.id.text, calls: calls, under: settings, now: now)
    if wait > .zero { return "waiting for a start slot (position \(position))" }
    slots.finish(command.id.text, now: now)
    return nil
  }

  /// Asks nodes to look at their key: a few at once, other ones each time, and the rest as their slots come.
  mutating func askToLook(_ nodes: [NodeName], of name: ProjectName, now: Instant) {
    let first = nodes.isEmpty ? 0 : (schedules[name]?.looksAskedAtOnce ?? 0) % nodes.count
    let order = nodes[first...] + nodes[..<first]
    schedules[name]?.looksAskedAtOnce = first + CoordinatorLimits.looksAtOnce
    for node in order.prefix(CoordinatorLimits.looksAtOnce) { sendLook(to: node) }
    looksAwaited.formUnion(order.dropFirst(CoordinatorLimits.looksAtOnce))
    askAwaited(now: now)
  }

  /// Asks those whose slots have come; one that went away looks when it returns.
  mutating func askAwaited(now: Instant) {
    for node in looksAwaited.sorted() {
      guard contacts[node]?.isHeard(now: now) == true, let settings = settings(for: node) else {
        looksAwaited.remove(node)
        continue
      }
      let holder = "look of \(node)"
      guard slots.wait(of: holder, calls: 1, under: settings, now: now).wait == .zero else { continue }
      slots.finish(holder, now: now)
      sendLook(to: node)
    }
  }

  private mutating func sendLook(to node: NodeName) {
    looksAwaited.remove(node)
    sends.append(
      .sendCommand(node, NodeCommand(id: CommandID(checked: identifiers.uuid()), plan: nil, action: .checkKMS)))
  }

  private func settings(for node: NodeName) -> KMSSettings? {
    nodeRecords[node].flatMap { projectOfNode($0) }.flatMap { projectRecords[$0]?.kms }
  }
}

extension NodeAction {
  /// How many calls of a KMS a command makes its node begin with, nil if none: a wrap and the unwrap that proves it, or
  /// the unwrap alone.
  fileprivate var keyCalls: Int? {
    switch self {
    case .rotateMasterKey, .rewrapMasterKey, .resync(true, _): 2
    case .initialSync(let order): order.encrypted ? 2 : nil
    case .checkKMS, .resync(false, _): 1
    case .formShard, .stepDown, .stopDatabase, .startDatabase, .restart, .disable, .forceSoleVoter,
      .addMember, .removeMember, .leave:
      nil
    }
  }
}
