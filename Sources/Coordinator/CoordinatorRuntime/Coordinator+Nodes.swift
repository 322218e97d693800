// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Logging
internal import Messages
internal import Transport

/// What nodes say.
extension Coordinator {
  func hear(_ node: NodeName, _ inbound: Inbound) throws(CoordinatorFault) {
    if case .hello(let hello) = inbound.envelope.body { return try greet(node, hello, inbound.route) }
    guard links.isCurrent(inbound.route, of: node) else {
      return fault(.notReady, "say hello first", to: inbound)
    }
    switch inbound.envelope.body {
    case .heartbeat(let report):
      guard report.node == node else { return }
      try perform(core.onHeartbeat(node, report: report, now: now))
    case .keysReport(let part): try collect(part, from: node)
    case .commandResult(let result): try perform(core.onCommandResult(node, result: result, now: now))
    case .userReply(let reply): hear(reply, from: node)
    case .fault(let fault):
      logger.info("a node refused a message", metadata: ["node": "\(node)", "reason": "\(fault)"])
    default: fault(.notAllowed, "nodes do not send this to the coordinator", to: inbound)
    }
  }

  private func greet(_ node: NodeName, _ hello: Hello, _ route: Route) throws(CoordinatorFault) {
    guard hello.report.node == node else { return }
    if let seen = hello.highestEpoch, isAhead(seen) { try takeOver(from: seen, told: node) }
    links.begin(node, on: route)
    assemblies[node] = nil
    logger.info(
      "node said hello",
      metadata: ["node": "\(node)", "phase": "\(hello.report.phase.name)", "boot": "\(hello.report.boot)"])
    try perform(core.onHello(node, report: hello.report, now: now))
  }

  /// Whether an agent follows an epoch that this coordinator's commands would not get past.
  private func isAhead(_ seen: Epoch) -> Bool {
    seen.number > core.epoch.number || (seen.number == core.epoch.number && seen != core.epoch)
  }

  /// This coordinator's memory is older than what an agent saw: it begins a new epoch above that, from its memory.
  private func takeOver(from seen: Epoch, told node: NodeName) throws(CoordinatorFault) {
    guard seen.number &- core.epoch.number < CoordinatorMemory.furthestEpoch else {
      return logger.error(
        "a node claims an epoch beyond belief", metadata: ["node": "\(node)", "epoch": "\(seen.number)"])
    }
    let reports = links.connected.compactMap { name in core.report(of: name).map { report in (name, report) } }
    let epoch = try surroundings.memory.takeEpoch(above: seen.number)
    logger.warning(
      "a node follows a later epoch than this coordinator remembers; was it restored from a copy?",
      metadata: ["node": "\(node)", "seen": "\(seen.number)", "epoch": "\(epoch.number)"])
    core = try CoordinatorStart.core(
      memory: surroundings.memory, epoch: epoch, controlPlane: core.ipList.controlPlane, now: now)
    for (name, report) in reports { try perform(core.onHello(name, report: report, now: now)) }
  }

  private func collect(_ part: KeysReport, from node: NodeName) throws(CoordinatorFault) {
    if var assembly = assemblies.removeValue(forKey: node), part.part > 0 {
      guard assembly.add(part) else { return }
      assemblies[node] = assembly
    } else if let assembly = KeysAssembly(part) {
      assemblies[node] = assembly
    } else {
      return
    }
    guard part.last, let keys = assemblies.removeValue(forKey: node)?.all else { return }
    try perform(core.onKeysReport(node, keys: keys, now: now))
  }

  func fault(_ code: Fault.Code, _ text: String, to inbound: Inbound) {
    let envelope = Envelope(
      .fault(Fault(code: code, text: text)), node: inbound.peer.node, epoch: core.epoch,
      correlationID: inbound.envelope.messageID)
    send(envelope, to: inbound.route)
  }
}
