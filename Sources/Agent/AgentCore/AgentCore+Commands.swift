// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

extension AgentCore {
  /// A command of the coordinator: refused under a lower epoch, answered from the record when repeated.
  public mutating func onCommand(_ command: NodeCommand, epoch: Epoch, now: Milliseconds) -> [AgentDirective] {
    if let refusal = commands.admit(epoch) { return [.reply(result(command, .refused(reason: refusal)))] }
    if let recorded = commands.recorded(command.id) { return [.reply(recorded)] }
    if work?.command.id == command.id { return [.reply(result(command, .accepted))] }
    switch command.action {
    case .formShard(let voters): return onFormShard(command, voters: voters)
    case .resync(let encrypted, let expecting): return onResync(command, encrypted: encrypted, expecting: expecting)
    case .initialSync(let order): return onInitialSync(command, order)
    case .rotateMasterKey(let expecting, let masterKey):
      return onRotate(command, expecting: expecting, masterKey: masterKey)
    case .rewrapMasterKey(let expecting, let version):
      return onRewrap(command, expecting: expecting, settingsVersion: version)
    case .stepDown:
      guard life == .serving else { return [.reply(result(command, .failed(reason: notServing)))] }
      return beginWork(command, .stepDown(command.id))
    case .stopDatabase: return onStop(command, now: now)
    case .startDatabase: return onStart(command, now: now)
    case .restart(let expectedBoot): return onRestart(command, boot: expectedBoot)
    case .checkKMS: return [.reply(result(command, .accepted))] + lookAtKeyNow(now: now)
    case .forceSoleVoter(let expecting, let lastIndex):
      guard life == .serving else { return [.reply(result(command, .failed(reason: notServing)))] }
      guard generation?.id == expecting else {
        return [.reply(record(command, .refused(reason: "the live generation is not \(expecting)")))]
      }
      return beginWork(command, .forceSoleVoter(command.id, lastIndex: lastIndex))
    case .addMember(let node): return onChangeOfMembers(command, .addMember(command.id, node))
    case .removeMember(let node): return onChangeOfMembers(command, .removeMember(command.id, node))
    case .leave(let expecting): return onLeave(command, expecting: expecting)
    case .disable(let reason):
      let directives = disable(reason, now: now)
      return [.reply(result(command, .accepted))] + directives + [.report]
    }
  }

  /// A long job ended.
  public mutating func onWorkFinished(
    _ id: CommandID, outcome: CommandOutcome, generation new: GenerationReport?, now: Milliseconds
  ) -> [AgentDirective] {
    // That it could restart under a new key is still to be proven.
    let isNewKey = new?.masterKeyID != nil && new?.masterKeyID != generation?.masterKeyID
    if let new {
      generation = new
      if new.encrypted, nextCheckAt == nil { nextCheckAt = now + jitter.around(timing.checkInterval, byTenths: 1) }
      if !new.encrypted { nextCheckAt = nil }
    }
    let check: [AgentDirective] = isNewKey && life == .serving ? look(now: now) : []
    guard let running = work, running.command.id == id else { return [.report] + check }
    work = nil
    return [reply(running.command, outcome), .report] + check
  }

  private mutating func onFormShard(_ command: NodeCommand, voters: [NodeName]) -> [AgentDirective] {
    guard voters.contains(node), Set(voters).count == voters.count else {
      return [.reply(record(command, .refused(reason: "the voters have to name this node, and every node once")))]
    }
    if generation != nil { return [.reply(record(command, .done))] }
    guard life == .empty else { return [.reply(result(command, .failed(reason: "the node is \(phase.name)")))] }
    life = .opening(attempt: 0)
    return [.reply(result(command, .accepted)), .formShard(voters: voters), .report]
  }

  private mutating func onResync(
    _ command: NodeCommand, encrypted: Bool, expecting: GenerationID
  ) -> [AgentDirective] {
    guard let generation else { return [.reply(result(command, .failed(reason: "the node has no data yet")))] }
    if generation.id != expecting {
      return [
        .reply(
          record(
            command,
            generation.encrypted == encrypted
              ? .done
              : .refused(reason: "the live generation is \(generation.id), not \(expecting)")))
      ]
    }
    guard life == .serving else { return [.reply(result(command, .failed(reason: notServing)))] }
    if encrypted, assignment?.kms == nil {
      return [.reply(result(command, .failed(reason: "the node has no KMS settings yet")))]
    }
    return beginWork(command, .resync(command.id, encrypted: encrypted))
  }

  private mutating func onRotate(
    _ command: NodeCommand, expecting: GenerationID, masterKey: MasterKeyID
  ) -> [AgentDirective] {
    guard let generation, generation.id == expecting, generation.encrypted else {
      return [.reply(record(command, .refused(reason: "the live generation is not \(expecting)")))]
    }
    if generation.masterKeyID != masterKey { return [.reply(record(command, .done))] }
    guard life == .serving else { return [.reply(result(command, .failed(reason: notServing)))] }
    return beginWork(command, .rotateMasterKey(command.id))
  }

  private mutating func onStop(_ command: NodeCommand, now: Milliseconds) -> [AgentDirective] {
    switch life {
    case .stopped: return [.reply(record(command, .done))]
    case .serving:
      life = .closing(.stop)
      commands.pending[.stopDatabase] = command.id
      return [.reply(result(command, .accepted)), .close]
    case .awaitingKMS, .retrying, .failed, .disabled, .notApproved:
      life = .stopped
      return [.reply(record(command, .done)), .report]
    case .rebuilding(.some):
      life = .stopped
      return [.reply(record(command, .done)), .report]
    case .awaitingSettings, .empty, .rebuilding(nil), .opening, .closing:
      return [.reply(result(command, .failed(reason: "the node is \(phase.name)")))]
    }
  }

  private mutating func onStart(_ command: NodeCommand, now: Milliseconds) -> [AgentDirective] {
    switch life {
    case .serving: return [.reply(record(command, .done))]
    case .opening, .awaitingKMS, .closing: return [.reply(result(command, .accepted))]
    case .disabled(let reason, _): return [.reply(result(command, .failed(reason: "the node is disabled: \(reason)")))]
    case .notApproved(let reason):
      return [.reply(result(command, .failed(reason: "the node is not approved: \(reason)")))]
    case .awaitingSettings, .empty, .rebuilding:
      return [.reply(result(command, .failed(reason: "the node is \(phase.name)")))]
    case .stopped, .failed, .retrying:
      if let reason = assignment?.disabledReason {
        return [.reply(result(command, .failed(reason: "the node is disabled: \(reason)")))]
      }
      guard generation != nil else { return [.reply(result(command, .failed(reason: "the node has no data yet")))] }
      return [.reply(result(command, .accepted))] + beginOpening(attempt: 0, now: now) + [.report]
    }
  }

  private mutating func onRestart(_ command: NodeCommand, boot expected: BootID) -> [AgentDirective] {
    if expected != boot { return [.reply(record(command, .done))] }
    if life == .serving {
      life = .closing(.restart)
      return [.reply(result(command, .accepted)), .close]
    }
    if case .closing = life { return [.reply(result(command, .accepted))] }
    return [.reply(result(command, .accepted)), .replaceProcessImage]
  }

  mutating func beginWork(_ command: NodeCommand, _ directive: AgentDirective) -> [AgentDirective] {
    if let work {
      return [.reply(result(command, .failed(reason: "the node still works on \(work.command.action.name)")))]
    }
    work = RunningWork(command: command)
    return [.reply(result(command, .accepted)), directive]
  }

  var notServing: String { "the node is \(phase.name), it has to be serving" }

  func result(_ command: NodeCommand, _ outcome: CommandOutcome) -> CommandResult {
    CommandResult(command: command.id, outcome: outcome)
  }

  mutating func record(_ command: NodeCommand, _ outcome: CommandOutcome) -> CommandResult {
    commands.record(CommandResult(command: command.id, outcome: outcome))
  }

  mutating func reply(_ command: NodeCommand, _ outcome: CommandOutcome) -> AgentDirective {
    // A job that failed may be asked for again under the same id, so only an end that repeating can't
    // change is recorded.
    if case .failed = outcome { return .reply(result(command, outcome)) }
    return .reply(record(command, outcome))
  }

  mutating func finishRecorded(_ action: PendingClose) -> [AgentDirective] {
    guard let id = commands.pending.removeValue(forKey: action) else { return [] }
    return [.reply(commands.record(CommandResult(command: id, outcome: .done)))]
  }
}
