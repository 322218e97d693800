// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Logging
internal import Messages
internal import Transport

/// What nodes say.
extension Coordinator {
  func hear(_ node: NodeName, _ inbound: Inbound) throws(CoordinatorFault) {
    if case .hello(let hello) = inbound.envelope.body { return try greet(node, hello, inbound) }
    guard let boot = links.boot(on: inbound.route, of: node) else {
      return fault(.notReady, "say hello first", to: inbound)
    }
    if case .heartbeat(let report) = inbound.envelope.body {
      guard report.node == node, report.boot == boot else { return }
      return try perform(core.onHeartbeat(node, report: report, now: now))
    }
    // Only the process that has the node's place is heard on anything but itself.
    guard core.liveBoot(of: node) == boot else { return }
    switch inbound.envelope.body {
    case .keysReport(let part): try collect(part, from: node)
    case .commandResult(let result): try perform(core.onCommandResult(node, result: result, now: now))
    case .userReply(let reply): hear(reply, from: node)
    case .auditHead(let message): try hear(message, from: node)
    case .keyUses(let report): try perform(core.onKeyUses(node, report: report, now: now))
    case .signRole(let request): try sign(request, for: node)
    case .settingsProof(let proof): try perform(proofDesk.onReply(proof, from: node))
    case .fault(let fault):
      logger.info("a node refused a message", metadata: ["node": "\(node)", "reason": "\(fault)"])
    default: fault(.notAllowed, "nodes do not send this to the coordinator", to: inbound)
    }
  }

  private func greet(_ node: NodeName, _ hello: Hello, _ inbound: Inbound) throws(CoordinatorFault) {
    guard hello.report.node == node else { return }
    let isAheadOfStore = hello.highestEpoch.map { core.isAheadOfStore($0) && isBelievable($0) } ?? false
    if let seen = hello.highestEpoch, isAhead(seen) { try takeOver(from: seen, told: node) }
    links.begin(node, boot: hello.report.boot, on: inbound.route)
    assemblies[node] = nil
    logger.info(
      "node said hello",
      metadata: ["node": "\(node)", "phase": "\(hello.report.phase.name)", "boot": "\(hello.report.boot)"])
    try perform(
      core.onHello(
        node, report: hello.report, isAheadOfStore: isAheadOfStore, from: inbound.address, now: now))
  }

  /// Whether an agent follows an epoch that this coordinator's commands would not get past.
  private func isAhead(_ seen: Epoch) -> Bool {
    seen.number > core.epoch.number || (seen.number == core.epoch.number && seen != core.epoch)
  }

  /// An epoch so far above this store's own that no series of starts explains it leaves none above it.
  private func isBelievable(_ seen: Epoch) -> Bool {
    seen.number <= core.epoch.number || seen.number - core.epoch.number < CoordinatorMemory.furthestEpoch
  }

  /// This coordinator's memory is older than what an agent saw: it begins a new epoch above that, from its memory.
  private func takeOver(from seen: Epoch, told node: NodeName) throws(CoordinatorFault) {
    guard isBelievable(seen) else {
      return logger.error(
        "a node claims an epoch beyond belief", metadata: ["node": "\(node)", "epoch": "\(seen.number)"])
    }
    let live = links.connected.flatMap { core.lastHellos(of: $0) }
    let (own, witnesses) = (core.epoch, core.auditWitnesses)
    let before = core
    let epoch = try surroundings.memory.takeEpoch(above: seen.number)
    logger.warning(
      "a node follows a later epoch than this coordinator remembers; was it restored from a copy?",
      metadata: ["node": "\(node)", "seen": "\(seen.number)", "epoch": "\(epoch.number)"])
    core = try CoordinatorStart.core(
      memory: surroundings.memory, epoch: epoch, controlPlane: core.controlPlane, now: now)
    core.learnAddresses(from: before)
    try perform(core.onEpochAhead(seen, own: own, now: now))
    for hello in live {
      try perform(
        core.onHello(hello.report.node, report: hello.report, isAheadOfStore: hello.isAheadOfStore, now: now))
    }
    for witness in witnesses {
      try perform(
        core.onAuditWitness(witness.node, head: witness.head, contradiction: witness.contradiction, now: now))
    }
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
