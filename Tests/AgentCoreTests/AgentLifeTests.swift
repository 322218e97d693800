// SPDX-License-Identifier: GPL-3.0-or-later
import AgentCore
import ClusterModel
import Testing

@Suite("A node's life") struct AgentLifeTests {
  @Test("waits for settings, opens with one unwrap, serves")
  func opens() {
    var life = Life()
    #expect(life.core.phase == .awaitingSettings)
    let directives = life.core.onAssignment(Life.assignment(), now: 0)
    #expect(directives.filter { $0 == .open }.count == 1)
    _ = life.core.onOpened(Life.report(encrypted: true), check: Life.check(.valid), now: 0)
    #expect(life.core.phase == .serving)
  }

  @Test("is empty without data and forms its shard once")
  func forms() {
    var life = Life(encrypted: nil)
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    #expect(life.core.phase == .empty)
    let form = NodeAction.formShard(voters: [Life.node])
    #expect(life.command(form).contains(.formShard(voters: [Life.node])))
    #expect(!life.command(form).contains(.formShard(voters: [Life.node])))
    _ = life.core.onOpened(Life.report(encrypted: false), check: nil, now: 0)
    #expect(life.command(form).outcome == .done)
  }

  @Test("does not form a shard whose voters do not name it")
  func formsOnlyItsOwn() {
    var life = Life(encrypted: nil)
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    guard case .refused = life.command(.formShard(voters: [NodeName(checked: "other")])).outcome else {
      Issue.record("the command was not refused")
      return
    }
  }

  @Test("an unreachable KMS at start waits with growing delays and opens by itself")
  func awaitsKMS() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    var delays: [Milliseconds] = []
    for _ in 0..<12 {
      _ = life.core.onOpenFailed(.keyCheck(Life.check(.unreachable(.network, detail: "refused"))), now: life.now)
      guard case .awaitingKMS = life.core.phase else {
        Issue.record("the phase is \(life.core.phase)")
        return
      }
      let began = life.now
      while life.core.onTick(now: life.now) != [.open] { life.now += 10 }
      delays.append(life.now - began)
    }
    #expect(delays.allSatisfy { $0 >= 250 && $0 <= 46_000 })
    #expect(delays[0] < 1_000 && delays[11] > 10_000)
    _ = life.core.onOpened(Life.report(encrypted: true), check: nil, now: life.now)
    #expect(life.core.phase == .serving)
  }

  @Test("a revoked key at start disables, rechecks, and opens when it is valid again")
  func revokedAtStart() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onOpenFailed(.keyCheck(Life.check(.revoked(.keyDisabled, detail: "d"))), now: 0)
    #expect(life.core.phase.name == "disabled")
    #expect(life.core.onTick(now: 1_000).isEmpty)
    #expect(life.core.onTick(now: 70_000) == [.open])
  }

  @Test("a damaged file fails the node, names the file and is not retried")
  func damaged() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onOpenFailed(.damaged(DamageReport(file: "keystore", reason: "truncated")), now: 0)
    #expect(life.core.phase == .failed(reason: "keystore: truncated"))
    #expect(life.core.onTick(now: 1_000_000_000).isEmpty)
    #expect(life.command(.startDatabase).contains(.open))
  }

  @Test("an engine that can't be opened for a reason that may pass says so and is tried again")
  func passing() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onOpenFailed(.other(reason: "the disk is full"), now: 0)
    #expect(life.core.phase == .failed(reason: "the disk is full; the node tries again by itself"))
    #expect(life.core.onTick(now: 60_000) == [.open])
  }

  @Test("an older assignment changes nothing")
  func staleAssignment() {
    var life = Life.serving()
    _ = life.core.onAssignment(Life.assignment(version: 9), now: 0)
    #expect(life.core.onAssignment(Life.assignment(version: 8, disabled: "old"), now: 0).isEmpty)
    #expect(life.core.phase == .serving)
  }

  @Test("stop, start and restart end where they say")
  func stops() {
    var life = Life.serving()
    let stop = CommandID.random()
    #expect(life.command(.stopDatabase, id: stop).contains(.close))
    let closed = life.core.onClosed(now: 0)
    #expect(closed.outcome == .done)
    #expect(life.core.phase == .stopped)
    #expect(life.command(.startDatabase).contains(.open))
    _ = life.core.onOpened(Life.report(encrypted: true), check: nil, now: 0)
    #expect(life.command(.restart(boot: life.core.boot)).contains(.close))
    #expect(life.core.onClosed(now: 0) == [.replaceProcessImage])
    #expect(life.command(.restart(boot: .random())).outcome == .done)
  }

  @Test("a first formation that fails leaves an empty node, which can be asked again")
  func formsAgain() {
    var life = Life(encrypted: nil)
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    let form = NodeAction.formShard(voters: [Life.node])
    _ = life.command(form)
    _ = life.core.onOpenFailed(.other(reason: "the disk is full"), now: 0)
    #expect(life.core.phase == .empty)
    #expect(life.command(form).contains(.formShard(voters: [Life.node])))
    life.core.onFormed(Life.report(encrypted: false))
    _ = life.core.onOpenFailed(.other(reason: "no thread is left"), now: 0)
    #expect(life.core.onTick(now: 60_000) == [.open])
  }

  @Test("a data directory that tells no live generation fails the node, and is never taken for an empty one")
  func damagedDirectory() {
    let report = DamageReport(file: "CURRENT", reason: "it is missing")
    var core = AgentCore(
      node: Life.node, boot: .random(), generation: nil, damage: report, timing: AgentTiming(), seed: 1)
    _ = core.onAssignment(Life.assignment(), now: 0)
    #expect(core.phase == .failed(reason: "CURRENT: it is missing"))
    let form = NodeCommand(id: .random(), plan: nil, action: .formShard(voters: [Life.node]))
    #expect(!core.onCommand(form, epoch: Life.epoch, now: 0).contains(.formShard(voters: [Life.node])))
    #expect(core.damage == [report])
  }

  @Test("locked out by the coordinator it looks at the key again and again, but opens nothing")
  func recheckLockedOut() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(disabled: "the key was disabled"), now: 0)
    #expect(life.core.phase.name == "disabled")
    for turn in 1...3 {
      #expect(life.core.onTick(now: Milliseconds(turn) * 70_000) == [.check(scheduled: false)])
      #expect(life.core.onTick(now: Milliseconds(turn) * 70_000 + 1).isEmpty)
    }
    #expect(life.core.onAssignment(Life.assignment(version: 2), now: 300_000).contains(.open))
  }

  @Test("an engine that breaks is closed and the node fails with the file's name")
  func breaks() {
    var life = Life.serving()
    #expect(life.core.onEngineFailed(DamageReport(file: "x.wt", reason: "checksum")).contains(.close))
    _ = life.core.onClosed(now: 0)
    #expect(life.core.phase == .failed(reason: "x.wt: checksum"))
  }
}

@Suite("Commands to a node") struct AgentCommandTests {
  @Test("a repeated id gets the recorded answer and does nothing")
  func replays() {
    var life = Life.serving()
    let id = CommandID.random()
    #expect(
      life.command(.stepDown, id: id) == [
        .reply(CommandResult(command: id, outcome: .accepted)), .stepDown(id),
      ])
    _ = life.core.onWorkFinished(id, outcome: .done, generation: nil, now: 0)
    #expect(life.command(.stepDown, id: id) == [.reply(CommandResult(command: id, outcome: .done, replayed: true))])
  }

  @Test("assignments of a lower epoch are refused as commands are, and the highest epoch is remembered")
  func assignmentsOfEpochs() {
    var life = Life.serving()
    #expect(life.core.onEpoch(Epoch(number: 3, incarnation: 77)) == nil)
    #expect(life.core.onEpoch(Epoch(number: 2, incarnation: 77)) != nil)
    #expect(life.core.onEpoch(Epoch(number: 3, incarnation: 78)) != nil)
    #expect(life.core.epoch == Life.epoch)
    guard case .refused = life.command(.stepDown, epoch: Epoch(number: 2, incarnation: 1)).outcome else {
      Issue.record("an older coordinator was obeyed")
      return
    }
  }

  @Test("a lower epoch and a second coordinator of the same epoch are refused")
  func epochs() {
    var life = Life.serving()
    _ = life.command(.stepDown)
    for epoch in [Epoch(number: 2, incarnation: 77), Epoch(number: 3, incarnation: 78)] {
      guard case .refused = life.command(.stopDatabase, epoch: epoch).outcome else {
        Issue.record("epoch \(epoch) was admitted")
        return
      }
    }
    #expect(life.core.phase == .serving)
  }

  @Test("a re-sync of another generation than expected is refused, or done when the wish is met")
  func resyncFences() {
    var life = Life.serving(encrypted: false)
    guard case .refused = life.command(.resync(encrypted: true, expecting: .random())).outcome else {
      Issue.record("not refused")
      return
    }
    #expect(life.command(.resync(encrypted: false, expecting: .random())).outcome == .done)
    let id = CommandID.random()
    #expect(
      life.command(.resync(encrypted: true, expecting: Life.generation), id: id).contains(.resync(id, encrypted: true)))
    guard case .failed = life.command(.stepDown).outcome else {
      Issue.record("a second job was taken")
      return
    }
    let fresh = Life.report(encrypted: true, id: .random())
    _ = life.core.onWorkFinished(id, outcome: .done, generation: fresh, now: 0)
    #expect(life.core.generation == fresh)
  }

  @Test("a failed job may be asked for again under the same id")
  func failedJobRepeats() {
    var life = Life.serving(encrypted: false)
    let id = CommandID.random()
    let action = NodeAction.resync(encrypted: true, expecting: Life.generation)
    _ = life.command(action, id: id)
    _ = life.core.onWorkFinished(id, outcome: .failed(reason: "source gone"), generation: nil, now: 0)
    #expect(life.command(action, id: id).contains(.resync(id, encrypted: true)))
  }

  @Test("a rotation asks for the master key it replaces")
  func rotates() {
    var life = Life.serving()
    let id = CommandID.random()
    let action = NodeAction.rotateMasterKey(expecting: Life.generation, masterKey: Life.masterKey)
    #expect(life.command(action, id: id).contains(.rotateMasterKey(id)))
    let rotated = Life.report(encrypted: true, masterKey: .random())
    _ = life.core.onWorkFinished(id, outcome: .done, generation: rotated, now: 0)
    #expect(life.command(action).outcome == .done)
  }
}

@Suite("Verdicts on a node") struct AgentVerdictTests {
  @Test("the coordinator's lock-out closes, wipes and replaces the process image")
  func disables() {
    var life = Life.serving()
    #expect(life.command(.disable(reason: "key disabled")).contains(.close))
    #expect(life.core.onClosed(now: 0).contains(.replaceProcessImage))
    #expect(life.core.phase == .disabled(reason: "key disabled"))
  }

  @Test("a plain node of a cluster under the key is locked out too, and comes back with the others")
  func plain() {
    var life = Life.serving(encrypted: false)
    #expect(life.command(.disable(reason: "r")).contains(.close))
    #expect(life.core.onClosed(now: 0).contains(.replaceProcessImage))
    var next = Life(encrypted: false)
    _ = next.core.onAssignment(Life.assignment(version: 2, disabled: "r"), now: 0)
    #expect(next.core.phase == .disabled(reason: "r"))
    #expect(next.core.onAssignment(Life.assignment(version: 3), now: 1).contains(.open))
  }

  @Test("unreachable never disables, however often it is seen")
  func unreachable() {
    var life = Life.serving()
    for time in 1...1_000 {
      _ = life.core.onCheck(
        Life.check(.unreachable(.timeout, detail: ""), at: Int64(time)), scheduled: true, now: Int64(time))
    }
    #expect(life.core.phase == .serving)
  }

  @Test("alone, a state of the key counts at two scheduled checks in a row; an answer between starts over")
  func alone() {
    var life = Life.serving()
    let revoked = Verdict.revoked(.keyDisabled, detail: "d")
    _ = life.core.onCheck(Life.check(revoked, at: 1), scheduled: true, now: 1)
    _ = life.core.onCheck(Life.check(.valid, at: 2), scheduled: true, now: 2)
    _ = life.core.onCheck(Life.check(revoked, at: 3), scheduled: true, now: 3)
    _ = life.core.onCheck(Life.check(revoked, at: 4), scheduled: false, now: 4)
    #expect(life.core.phase == .serving)
    #expect(life.core.onCheck(Life.check(revoked, at: 5), scheduled: true, now: 5).contains(.close))
  }

  @Test("alone, access denied is not enough; with a coordinator, nothing on the node's own is")
  func notAlone() {
    var life = Life.serving()
    for time in 1...5 {
      _ = life.core.onCheck(
        Life.check(.revoked(.accessDenied, detail: ""), at: Int64(time)), scheduled: true, now: 0)
    }
    #expect(life.core.phase == .serving)
    _ = life.core.onCoordinator(connected: true)
    for time in 6...9 {
      _ = life.core.onCheck(
        Life.check(.revoked(.keyNotFound, detail: ""), at: Int64(time)), scheduled: true, now: 0)
    }
    #expect(life.core.phase == .serving)
  }

  @Test("a check under older settings, or older than the last, is dropped")
  func staleChecks() {
    var life = Life.serving()
    _ = life.core.onCheck(Life.check(.valid, at: 10), scheduled: true, now: 0)
    let before = life.core.lastCheck
    #expect(life.core.onCheck(Life.check(.revoked(.keyDisabled, detail: ""), at: 9), scheduled: true, now: 0).isEmpty)
    #expect(
      life.core.onCheck(
        Life.check(.revoked(.keyDisabled, detail: ""), at: 11, settings: 0), scheduled: true, now: 0
      ).isEmpty)
    #expect(life.core.lastCheck == before)
  }

  @Test("a check after the wall clock was set back counts")
  func clockSetBack() {
    var life = Life.serving()
    _ = life.core.onCheck(Life.check(.valid, at: 86_400_000), scheduled: true, now: 0)
    _ = life.core.onCheck(Life.check(.revoked(.keyDisabled, detail: ""), at: 1), scheduled: true, now: 0)
    #expect(life.core.lastCheck?.startedAtMilliseconds == 1)
  }

  @Test("checks are scheduled every fifteen minutes, jittered, only for encrypted data")
  func schedule() {
    var life = Life.serving()
    var due: [Milliseconds] = []
    for now in stride(from: Milliseconds(0), to: 4_000_000, by: 1_000)
    where life.core.onTick(now: now) == [.check(scheduled: true)] { due.append(now) }
    #expect(due.count == 4)
    #expect(due[0] >= 810_000 && due[0] <= 991_000)
    var plain = Life.serving(encrypted: false)
    #expect(plain.core.onTick(now: 10_000_000).isEmpty)
  }

  @Test("new settings try at once what waited for the KMS")
  func newSettings() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onOpenFailed(.keyCheck(Life.check(.unreachable(.network, detail: ""))), now: 0)
    #expect(life.core.onAssignment(Life.assignment(version: 2, settings: 2), now: 1).contains(.open))
  }
}
