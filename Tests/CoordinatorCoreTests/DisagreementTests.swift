// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Vantage points that disagree are an alert for as long as they do")
struct DisagreementTests {
  private static let disabled = KeyTroubleTests.disabled
  private static let down = KeyTroubleTests.down
  private static let kind = AlertKind.vantagePointsDisagree

  private func isOpen(_ bench: Bench) -> Bool { bench.openAlerts.contains(Self.kind) }

  @Test("a revocation that no node confirms is one after the first retry, and ends with the confirmation")
  func unconfirmed() throws {
    var bench = try KeyTroubleTests.encrypted()
    bench.verdict(Self.disabled)
    bench.pass(.seconds(10))
    #expect(!isOpen(bench), "nodes are being asked")
    bench.pass(.seconds(10))
    #expect(isOpen(bench) && bench.record?.lockout == nil)
    bench.verdict(Self.disabled)
    #expect(isOpen(bench), "it lasts")
    bench.check(2, Self.disabled)
    #expect(!isOpen(bench) && bench.record?.lockout != nil)
  }

  @Test("it ends when the coordinator may use the key again, and when nothing is left under the key")
  func unconfirmedEnds() throws {
    var bench = try KeyTroubleTests.encrypted()
    bench.verdict(Self.disabled)
    bench.pass(.seconds(20))
    #expect(isOpen(bench))
    bench.verdict(.valid)
    #expect(!isOpen(bench))
    bench.pass(.seconds(2))
    bench.verdict(Self.disabled)
    bench.pass(.seconds(20))
    #expect(isOpen(bench))
    for number in 1...3 {
      bench.change(number) { $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false) }
    }
    bench.pass(.seconds(2))
    #expect(!isOpen(bench))
  }

  @Test("nodes that see a revocation while the coordinator can't ask, or has not asked yet, disable nothing but alert")
  func withoutVerdict() throws {
    var bench = try KeyTroubleTests.encrypted()
    bench.verdict(Self.down)
    for _ in 0..<3 {
      for number in 1...3 { bench.check(number, Self.disabled) }
      bench.pass(.seconds(16 * 60))
      bench.verdict(Self.down)
    }
    #expect(isOpen(bench) && bench.record?.lockout == nil)
    #expect(bench.core.alerts.contains { $0.kind == Self.kind && $0.text.contains("can't ask for itself") })
    for number in 1...3 { bench.check(number, .valid) }
    #expect(!isOpen(bench))
    bench.core.projectRecords[Bench.project]?.lastCheck = nil
    bench.check(1, Self.disabled)
    #expect(isOpen(bench))
  }

  @Test("a node that is gone, stopped or plain holds no alert open", arguments: 0..<3)
  func gone(how: Int) throws {
    var bench = try KeyTroubleTests.encrypted()
    bench.check(3, Self.disabled)
    bench.verdict(.valid)
    bench.pass(.seconds(120))
    #expect(isOpen(bench))
    let node = Bench.node(3)
    switch how {
    case 0: bench.pass(CoordinatorLimits.presentSight, silent: [node])
    case 1: bench.change(3) { ($0.phase, $0.replication) = (.stopped, nil) }
    default: bench.change(3) { $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false) }
    }
    bench.pass(.seconds(2), silent: how == 0 ? [node] : [])
    #expect(!isOpen(bench))
  }

  @Test("what a node saw stands until its next check is overdue, also across a restart of the coordinator")
  func standing() throws {
    var bench = try KeyTroubleTests.encrypted()
    bench.check(3, Self.disabled)
    bench.verdict(.valid)
    bench.pass(.seconds(17 * 60))
    bench.verdict(.valid)
    #expect(isOpen(bench), "nodes look every quarter of an hour")
    try bench.restart()
    bench.hello(Bench.node(1))
    bench.pass(.seconds(1), silent: [Bench.node(2), Bench.node(3)])
    #expect(isOpen(bench), "not all have said what they see")
  }

  @Test("a key that is back is none, although nodes have their word of before")
  func isBack() throws {
    var bench = try KeyTroubleTests.encrypted()
    bench.verdict(Self.disabled)
    for number in 1...3 { bench.check(number, Self.disabled) }
    for number in 1...3 { bench.change(number) { ($0.phase, $0.replication) = (.disabled(reason: "revoked"), nil) } }
    bench.pass(.seconds(30))
    bench.verdict(.valid)
    #expect(bench.record?.lockout == nil && bench.openAlerts.isEmpty)
    #expect(!bench.core.alerts.contains { $0.kind == Self.kind })
    bench.pass(.seconds(1))
    bench.check(2, Self.disabled)
    #expect(isOpen(bench), "one that looks again and sees it still")
  }

  @Test("the outage of a node ends with what it could ask for, and with the node", arguments: 0..<3)
  func outage(how: Int) throws {
    var bench = try KeyTroubleTests.encrypted()
    for _ in 0..<2 {
      bench.pass(.seconds(60))
      bench.check(3, Self.down)
    }
    bench.pass(.seconds(60))
    #expect(bench.openAlerts == [.kmsUnreachable])
    let node = Bench.node(3)
    switch how {
    case 0: bench.pass(CoordinatorLimits.presentSight, silent: [node])
    case 1: bench.change(3) { ($0.phase, $0.replication) = (.stopped, nil) }
    default: bench.change(3) { $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false) }
    }
    bench.pass(.seconds(2), silent: how == 0 ? [node] : [])
    #expect(!bench.openAlerts.contains(.kmsUnreachable))
  }

  @Test("a state of the key makes every project under it look at once; credentials are each project's own")
  func sharedKey() throws {
    var bench = try KeyTroubleTests.encrypted()
    let other = ProjectName(checked: "stock")
    try bench.order { core, now throws(CoordinatorError) in try core.createProject(other, now: now) }
    try bench.order { core, now throws(CoordinatorError) in
      try core.onKMSProven(other, settings: Bench.settings, settingsVersion: 1, canary: Bench.canary, now: now)
    }
    func asked(_ verdict: Verdict) -> Bool {
      bench.now = bench.now + .seconds(1)
      bench.verdict(verdict)
      return bench.last.contains(.checkKMS(other, settingsVersion: 1, renewing: true))
    }
    #expect(!asked(.valid))
    #expect(!asked(.revoked(.accessDenied, detail: "")) && !asked(.revoked(.credentialsRefused, detail: "")))
    #expect(!asked(Self.down) && !asked(.valid))
    #expect(asked(Self.disabled))
    #expect(!asked(Self.disabled), "asked once: the other may see it another way")
    let seen = CheckReport(
      verdict: Self.disabled, customerKeyID: Bench.key, settingsVersion: 1,
      startedAtMilliseconds: bench.now.milliseconds)
    bench.take(bench.core.onVerdict(other, report: seen, now: bench.now))
    #expect(!bench.last.contains(.checkKMS(Bench.project, settingsVersion: 1, renewing: true)), "no game of catch")
    #expect(asked(.valid), "and when it is back")
  }
}
