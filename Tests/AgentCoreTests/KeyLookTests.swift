// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import AgentCore

@Suite("A node looks at its key when it should")
struct KeyLookTests {
  private static let check = AgentDirective.check(scheduled: false)

  @Test("looks once more a minute after a check that could not ask, and that is no scheduled check")
  func extra() {
    var life = Life.serving()
    _ = life.core.onCheck(Life.check(.unreachable(.network, detail: ""), at: 2), scheduled: true, now: 1_000)
    #expect(life.core.onTick(now: 40_000).isEmpty)
    #expect(life.core.onTick(now: 68_000) == [Self.check])
    #expect(life.core.onTick(now: 69_000).isEmpty, "asked once")
    _ = life.core.onCheck(Life.check(.valid, at: 3), scheduled: false, now: 70_000)
    #expect(life.core.onTick(now: 140_000).isEmpty)
    #expect(life.core.onTick(now: 17 * 60_000) == [.check(scheduled: true)])
  }

  @Test("looks at once when settings change while it serves, and not for anything else in an assignment")
  func newSettings() {
    var life = Life.serving()
    #expect(life.core.onAssignment(Life.assignment(version: 2, settings: 2), now: 0).contains(Self.check))
    #expect(!life.core.onAssignment(Life.assignment(version: 3, settings: 2), now: 0).contains(Self.check))
    var plain = Life.serving(encrypted: false)
    #expect(!plain.core.onAssignment(Life.assignment(version: 2, settings: 2), now: 0).contains(Self.check))
  }

  @Test("says that the key can't be asked for when its settings can't be used, and looks again soon")
  func unusableSettings() {
    var life = Life.serving()
    #expect(life.core.onUnusableSettings(startedAt: 2, scheduled: true, now: 1_000) == [.report])
    #expect(
      life.core.lastCheck
        == Life.check(.unreachable(.unlisted, detail: "the KMS settings can't be used"), at: 2))
    #expect(life.core.onTick(now: 68_000) == [Self.check])
    var refused = Life(encrypted: true)
    _ = refused.core.onAssignment(Life.assignment(refused: "another"), now: 0)
    #expect(refused.core.onUnusableSettings(startedAt: 2, scheduled: true, now: 0).isEmpty)
    #expect(refused.core.lastCheck == nil, "it was given no settings")
  }

  @Test("says which key it has no settings for, and nothing of the key that the settings name")
  func settingsOfAnotherKey() {
    var life = Life.serving()
    var assignment = Life.assignment(version: 2, settings: 2)
    assignment.kms = KMSSettings(provider: .aws, keyID: "arn-2", region: "r", accessKeyID: "a")
    _ = life.core.onAssignment(assignment, now: 0)
    _ = life.core.onUnusableSettings(startedAt: 2, scheduled: true, now: 1_000)
    #expect(
      life.core.lastCheck?.verdict
        == .unreachable(.unlisted, detail: "no KMS settings name the key its data is under, arn"))
  }

  @Test("a check's fault of the keystore takes the place of the one before, and ends with the first answer")
  func checkFault() {
    var life = Life.serving()
    let other = DamageReport(file: "keystore", reason: "replaced")
    _ = life.core.onKeystoreFault(other)
    for reason in ["one", "two", "two"] {
      #expect(life.core.onCheckFault(DamageReport(file: "keystore", reason: reason)) == [.report])
    }
    #expect(life.core.damage == [other, DamageReport(file: "keystore", reason: "two")])
    _ = life.core.onCheck(Life.check(.unreachable(.network, detail: ""), at: 2), scheduled: true, now: 0)
    #expect(life.core.damage.count == 2, "a check that could not ask says nothing of the keystore")
    _ = life.core.onCheck(Life.check(.valid, at: 3), scheduled: true, now: 0)
    #expect(life.core.damage == [other])
  }

  @Test("a node alone does not count extra looks as scheduled ones")
  func alone() {
    var life = Life.serving()
    let gone = Verdict.revoked(.keyDisabled, detail: "")
    _ = life.core.onCheck(Life.check(gone, at: 2), scheduled: true, now: 0)
    for time in Int64(3)...9 { _ = life.core.onCheck(Life.check(gone, at: time), scheduled: false, now: 0) }
    #expect(life.core.isServing)
    _ = life.core.onCheck(Life.check(gone, at: 10), scheduled: true, now: 0)
    #expect(!life.core.isServing && life.core.isBeingLockedOut)
  }

  @Test("what it saw while its coordinator was connected does not count when it is alone, nor across a reconnect")
  func standingDisagreement() {
    var life = Life.serving()
    let gone = Verdict.revoked(.keyDisabled, detail: "")
    _ = life.core.onCoordinator(connected: true)
    for time in Int64(2)...9 { _ = life.core.onCheck(Life.check(gone, at: time), scheduled: true, now: 0) }
    _ = life.core.onCoordinator(connected: false)
    _ = life.core.onCheck(Life.check(gone, at: 10), scheduled: true, now: 0)
    #expect(life.core.isServing, "a restart of the coordinator is seconds long")
    _ = life.core.onCoordinator(connected: true)
    _ = life.core.onCoordinator(connected: false)
    _ = life.core.onCheck(Life.check(gone, at: 11), scheduled: true, now: 0)
    #expect(life.core.isServing)
    _ = life.core.onCoordinator(connected: false)
    _ = life.core.onCheck(Life.check(gone, at: 12), scheduled: true, now: 0)
    #expect(!life.core.isServing, "an attempt to connect that fails forgets nothing")
  }

  @Test("one that waits for its KMS tries at once when somebody asks; one that the coordinator locked out only looks")
  func onDemand() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onOpenFailed(.keyCheck(Life.check(.unreachable(.network, detail: ""))), now: 0)
    #expect(life.core.phase.name == "awaiting KMS")
    #expect(life.command(.checkKMS).contains(.open))

    var locked = Life()
    _ = locked.core.onAssignment(Life.assignment(disabled: "revoked"), now: 0)
    #expect(locked.command(.checkKMS).contains(Self.check))
    #expect(locked.core.phase.name == "disabled")
  }
}
