// SPDX-License-Identifier: GPL-3.0-or-later
import AgentCore
import ClusterModel
import Testing

@Suite("A node that is not approved") struct ApprovalTests {
  @Test("opens nothing until an assignment approves it, whatever else is asked")
  func waits() {
    var life = Life()
    #expect(!life.core.onAssignment(Life.assignment(refused: "older"), now: 0).contains(.open))
    #expect(life.core.phase == .notApproved(reason: "older"))
    #expect(life.core.onTick(now: 1_000_000).isEmpty)
    guard case .failed(let reason) = life.command(.startDatabase).outcome else {
      Issue.record("it was started")
      return
    }
    #expect(reason.contains("older"))
    #expect(life.command(.stopDatabase).outcome == .done)
    #expect(!life.command(.startDatabase).contains(.open), "stopping first is no way round")
    #expect(life.core.phase == .notApproved(reason: "older"))
    #expect(life.core.onAssignment(Life.assignment(), now: 0).contains(.open), "also under the same version")
  }

  @Test("stops waiting for the KMS, and retrying, when it is refused", arguments: [true, false])
  func whileWaiting(kms: Bool) {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    let failure: OpenFailure =
      kms ? .keyCheck(Life.check(.unreachable(.network, detail: "d"))) : .other(reason: "the disk is full")
    _ = life.core.onOpenFailed(failure, now: 0)
    _ = life.core.onAssignment(Life.assignment(refused: "older"), now: 1)
    #expect(life.core.phase == .notApproved(reason: "older"))
    #expect(life.core.onTick(now: 1_000_000).isEmpty)
  }

  @Test("copies everything anew when it is asked to, but opens that only once it is approved")
  func resynced() {
    var life = Life()
    var refusal = Life.assignment()
    refusal.notApprovedReason = "older"
    _ = life.core.onAssignment(refusal, now: 0)
    let order = InitialSyncOrder(
      encrypted: true, replacing: Life.generation, sources: [NodeName(checked: "other")], lostTerm: 1)
    let id = CommandID.random()
    #expect(life.command(.initialSync(order), id: id).contains(.rebuild(id, order)))
    let fresh = Life.report(encrypted: true, id: .random())
    #expect(!life.core.onRebuilt(id, outcome: .done, generation: fresh).contains(.open))
    #expect(life.core.phase == .notApproved(reason: "older"))
    #expect(life.core.onAssignment(Life.assignment(), now: 0).contains(.open))
  }

  @Test("an empty node has nothing to approve")
  func empty() {
    var life = Life(encrypted: nil)
    _ = life.core.onAssignment(Life.assignment(refused: "older"), now: 0)
    #expect(life.core.phase == .empty)
  }

  @Test("a process whose place another one took closes, wipes and starts over")
  func replaced() {
    var life = Life.serving()
    #expect(life.core.onAssignment(Life.assignment(version: 2, refused: "another"), now: 0).contains(.close))
    #expect(life.core.onClosed(now: 0).contains(.replaceProcessImage))
    #expect(life.core.phase == .notApproved(reason: "another"))
  }

  @Test("an engine that opens just as it is refused is closed again")
  func refusedWhileOpening() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onAssignment(Life.assignment(version: 2, refused: "another"), now: 0)
    #expect(life.core.onOpened(Life.report(encrypted: true), check: nil, now: 0).contains(.close))
  }

  @Test("a keystore that is not the one it told of is told of by the next life, not opened")
  func changedOnDisk() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    #expect(life.core.onOpenFailed(.changedOnDisk, now: 0) == [.replaceProcessImage])
  }

  @Test("a keystore changed beside the running engine is damage, until it is put right")
  func changedWhileServing() {
    var life = Life.serving()
    let damage = DamageReport(file: "keystore", reason: "replaced")
    #expect(life.core.onKeystoreFault(damage) == [.report])
    #expect(life.core.damage == [damage] && life.core.phase == .serving)
    #expect(life.core.onKeystoreSound(damage) == [.report])
    #expect(life.core.damage.isEmpty)
  }
}
