// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import AgentCore

@Suite("A lock-out that comes while something else is under way") struct LockOutTests {
  @Test("gives an opening only the time that a lock-out may take")
  func opening() {
    var life = Life()
    #expect(life.core.onAssignment(Life.assignment(), now: 0).contains(.open))
    #expect(life.command(.disable(reason: "revoked")).contains(.watchLockOut))
    let told = life.core.onAssignment(Life.assignment(version: 2, disabled: "revoked"), now: 0)
    #expect(told.contains(.watchLockOut))
    #expect(life.core.onOpened(Life.report(encrypted: true), check: nil, now: 0).contains(.close))
    #expect(life.core.isBeingLockedOut)
  }

  @Test("makes a stop a lock-out, with its time and a new process image")
  func stopping() {
    var life = Life.serving()
    #expect(life.command(.stopDatabase).contains(.close))
    #expect(life.command(.disable(reason: "revoked")).contains(.watchLockOut))
    #expect(life.core.onClosed(now: 0).contains(.replaceProcessImage))
  }

  @Test("replaces the image of a node that has closed its data before, once", arguments: [true, false])
  func closed(stopped: Bool) {
    var life = Life.serving()
    if stopped {
      _ = life.command(.stopDatabase)
    } else {
      _ = life.core.onEngineFailed(DamageReport(file: "a.wt", reason: "damaged"))
    }
    #expect(!life.core.onClosed(now: 0).contains(.replaceProcessImage))
    #expect(life.command(.disable(reason: "revoked")).contains(.replaceProcessImage))
    #expect(!life.command(.disable(reason: "revoked")).contains(.replaceProcessImage))
    var other = Life()
    _ = other.core.onAssignment(Life.assignment(running: false), now: 0)
    #expect(!other.command(.disable(reason: "revoked")).contains(.replaceProcessImage), "it never held anything")
  }

  @Test("is not overtaken by new settings, nor by an order to start")
  func settings() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onOpenFailed(.keyCheck(Life.check(.unreachable(.network, detail: "gone"))), now: 0)
    #expect(life.core.phase.name == "awaiting KMS")
    let told = life.core.onAssignment(Life.assignment(version: 2, disabled: "revoked", settings: 2), now: 0)
    #expect(!told.contains(.open))
    #expect(life.core.phase == .disabled(reason: "revoked"))

    var failed = Life.serving()
    _ = failed.core.onEngineFailed(DamageReport(file: "a.wt", reason: "damaged"))
    _ = failed.core.onClosed(now: 0)
    _ = failed.core.onAssignment(Life.assignment(version: 2, disabled: "revoked"), now: 0)
    #expect(!failed.command(.startDatabase).contains(.open))
  }
}
