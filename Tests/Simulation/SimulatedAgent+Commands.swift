// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

extension SimulatedAgent {
  /// A command arrives: older epochs are not heard, repeated ids get the recorded answer.
  func on(_ command: NodeCommand, epoch: UInt64) {
    guard alive, epoch >= self.epoch else { return }
    self.epoch = epoch
    if let recorded = results[command.id] {
      return world.answer(self, CommandResult(command: command.id, outcome: recorded, replayed: true))
    }
    let outcome = perform(command)
    results[command.id] = outcome
    world.answer(self, CommandResult(command: command.id, outcome: outcome))
  }

  private func perform(_ command: NodeCommand) -> CommandOutcome {
    if case .disable(let reason) = command.action {
      disable(reason)
      return .done
    }
    if case .disabled = phase { return .failed(reason: "the node is disabled") }
    switch command.action {
    case .formShard: return formShard()
    case .resync(_, let before): return resync(command, before: before)
    case .initialSync(let order):
      guard let before = order.replacing else { return .failed(reason: "not modelled: a node without data") }
      return resync(command, before: before)
    case .rotateMasterKey(let before, let key): return rotate(generation: before, key: key)
    case .stepDown: return stepDown()
    case .stopDatabase: return stop()
    case .startDatabase: return startDatabase()
    case .restart(let before): return restart(before)
    case .checkKMS:
      check()
      return .done
    case .disable: return .done
    }
  }

  private func formShard() -> CommandOutcome {
    if generation != nil { return .done }
    guard phase == .empty else { return .failed(reason: "not ready: \(phase.name)") }
    generation = GenerationReport(id: GenerationID(checked: world.random.uuid()), encrypted: false)
    open()
    return .accepted
  }

  private func stop() -> CommandOutcome {
    switch phase {
    case .serving, .opening, .awaitingKMS, .stopped:
      (phase, role, work) = (.stopped, .secondary, nil)
      return .done
    default: return .failed(reason: "nothing to stop: \(phase.name)")
    }
  }

  private func startDatabase() -> CommandOutcome {
    guard phase == .stopped else { return phase == .serving ? .done : .failed(reason: phase.name) }
    guard let generation else { return .failed(reason: "no data") }
    if generation.encrypted, world.kms.mood != .valid { return .failed(reason: "the KMS does not answer") }
    phase = .opening
    later(100...2500) { if $0.phase == .opening { $0.serve() } }
    return .accepted
  }

  private func restart(_ before: BootID) -> CommandOutcome {
    guard boot == before else { return .refused(reason: "another life") }
    world.noteOutage(of: self, because: "restart")
    later(1...50) { $0.die(byCommand: true, backIn: 500...5000) }
    return .accepted
  }

  private func stepDown() -> CommandOutcome {
    guard role == .primary else { return .done }
    guard
      let heir = world.random.pick(world.members.filter { $0 !== self && $0.isServing && world.now >= $0.caughtUpAt })
    else { return .failed(reason: "no caught-up secondary") }
    role = .secondary
    world.elect(heir)
    return .done
  }

  private func rotate(generation before: GenerationID, key: MasterKeyID) -> CommandOutcome {
    guard var present = generation, present.id == before, present.masterKeyID == key else {
      return .refused(reason: "another generation or master key")
    }
    guard phase == .serving else { return .failed(reason: "not serving: \(phase.name)") }
    if world.kms.mood != .valid { return .failed(reason: "the KMS does not answer") }
    takeNewMasterKey(&present)
    present.keystoreVersion += 1
    generation = present
    rotations += 1
    return .done
  }

  private func takeNewMasterKey(_ generation: inout GenerationReport) {
    generation.masterKeyID = MasterKeyID(checked: world.random.uuid())
    generation.masterKeyCheckValue = String(world.random.next(), radix: 16)
    generation.customerKeyID = SimulatedKMS.keyID
    generation.masterKeyCreatedAtMilliseconds = world.now
  }

  private func resync(_ command: NodeCommand, before: GenerationID) -> CommandOutcome {
    guard generation?.id == before else { return .refused(reason: "another generation") }
    guard phase == .serving, work == nil else { return .failed(reason: "busy or not serving") }
    if role == .primary, world.members.count > 1 { return .failed(reason: "the primary goes last") }
    if world.kms.mood != .valid { return .failed(reason: "the KMS does not answer") }
    work = WorkReport(
      command: command.id, stage: "copying", documentsDone: 0, documentsTotal: 1000, bytesDone: 0,
      startedAtMilliseconds: world.now)
    later(3000...40_000) { $0.swap() }
    return .accepted
  }

  /// The end of a re-sync: needs a source, and a majority that does without this node for the moment of the swap.
  private func swap() {
    guard work != nil, phase == .serving else { return }
    let others = world.members.filter { $0 !== self && $0.isServing }.count
    let alone = world.members.count == 1
    if role == .primary, !alone { return work = nil }
    guard alone || (world.primary != nil && (others >= world.majority || world.members.count == 2)) else {
      return later(1000...3000) { $0.swap() }
    }
    isOutByCommand = true
    phase = .opening
    work?.stage = "swapping"
    role = .secondary
    later(0...1500) { agent in
      var fresh = GenerationReport(
        id: GenerationID(checked: agent.world.random.uuid()), encrypted: true, keystoreVersion: 1)
      agent.takeNewMasterKey(&fresh)
      agent.generation = fresh
      agent.superseded = 1
      agent.work = nil
      agent.serve()
      agent.later(0...5000) { $0.superseded = 0 }
    }
  }
}
