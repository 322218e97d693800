// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Verdicts disable only what two vantage points agree on")
struct VerdictTests {
  private static let disabled = Verdict.revoked(.keyDisabled, detail: "the key is disabled")
  private static let denied = Verdict.revoked(.accessDenied, detail: "not authorised")

  private func encrypted() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.pass(.seconds(10))
    bench.verdict(.valid)
    bench.pass(.seconds(1))
    return bench
  }

  private func isDisable(_ command: NodeCommand) -> Bool {
    if case .disable = command.action { true } else { false }
  }

  @Test("never disables anything because the KMS can't be reached, however long", arguments: OutageReason.allCases)
  func unreachable(reason: OutageReason) throws {
    var bench = try encrypted()
    for _ in 0..<20 {
      bench.verdict(.unreachable(reason, detail: "no answer"))
      for number in 1...3 { bench.check(number, .unreachable(reason, detail: "no answer")) }
      bench.pass(.seconds(60))
      #expect(bench.record?.lockout == nil)
    }
    #expect(bench.openAlerts.contains(.kmsUnreachable))
    bench.verdict(.valid)
    for number in 1...3 { bench.check(number, .valid) }
    #expect(!bench.openAlerts.contains(.kmsUnreachable))
  }

  @Test("disables every node of the cluster once a node confirms, and lets it in again at a newer valid check")
  func revocation() throws {
    var bench = try encrypted()
    bench.verdict(Self.disabled)
    #expect(bench.record?.lockout == nil)
    #expect(bench.commands().map(\.action) == [.checkKMS, .checkKMS, .checkKMS], "nodes are asked to confirm")
    bench.check(2, Self.disabled)
    #expect(bench.record?.lockout?.customerKeyID == Bench.key)
    #expect(bench.commands().filter(isDisable).count == 3)
    #expect(bench.assignments(to: Bench.node(1)).first?.disabledReason?.contains("keyDisabled") == true)
    let command = try #require(bench.commands(to: Bench.node(1)).first(where: isDisable))
    bench.pass(.seconds(4))
    #expect(bench.commands(to: Bench.node(1)).filter(isDisable).map(\.id) == [command.id], "repeated under its id")
    try bench.restart()
    for number in 1...3 { bench.hello(Bench.node(number)) }
    #expect(bench.record?.lockout != nil)
    for number in 1...3 { bench.change(number) { ($0.phase, $0.replication) = (.disabled(reason: "revoked"), nil) } }
    bench.pass(.seconds(40))
    #expect(!bench.commands().contains(where: isDisable))
    bench.verdict(.valid, startedAgo: .seconds(3600))
    #expect(bench.record?.lockout != nil, "an older check opens nothing")
    bench.verdict(.valid)
    #expect(bench.record?.lockout == nil)
    #expect(bench.assignments(to: Bench.node(3)).first?.disabledReason == .some(nil))
  }

  @Test("locks out the nodes of a cluster half-way through its encryption that are still plain")
  func halfEncrypted() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.encrypt(2)
    bench.pass(.seconds(10))
    bench.verdict(Self.disabled)
    bench.check(2, Self.disabled)
    #expect(bench.record?.lockout != nil)
    for number in 1...3 { #expect(bench.commands(to: Bench.node(number)).contains(where: isDisable)) }
  }

  @Test("counts access denied only if both vantage points see just that")
  func accessDenied() throws {
    var bench = try encrypted()
    bench.verdict(Self.denied)
    bench.check(1, Self.disabled)
    #expect(bench.record?.lockout == nil)
    bench.check(2, Self.denied)
    #expect(bench.record?.lockout != nil)
  }

  @Test("calls it a disagreement if a node's newer check is valid")
  func disagreement() throws {
    var bench = try encrypted()
    bench.verdict(Self.disabled)
    bench.check(1, .valid)
    bench.check(2, Self.disabled)
    #expect(bench.record?.lockout == nil)
    #expect(bench.openAlerts.contains(.vantagePointsDisagree))
  }

  @Test("looks itself as soon as a node sees a revocation")
  func nodeFirst() throws {
    var bench = try encrypted()
    bench.check(3, Self.disabled)
    #expect(bench.last.contains(.checkKMS(Bench.project, settingsVersion: 1, renewing: true)))
    #expect(bench.record?.lockout == nil)
    bench.verdict(Self.disabled)
    #expect(bench.record?.lockout != nil)
  }

  @Test("alerts while a node sees a revocation that the coordinator does not see")
  func dissent() throws {
    var bench = try encrypted()
    bench.check(3, Self.denied)
    bench.verdict(.valid)
    #expect(bench.record?.lockout == nil)
    #expect(bench.openAlerts == [.vantagePointsDisagree])
    bench.check(3, .valid)
    #expect(bench.openAlerts.isEmpty)
  }

  @Test("drops verdicts of older settings and of checks that began earlier")
  func older() throws {
    var bench = try encrypted()
    bench.verdict(Self.disabled, version: 0)
    #expect(bench.last.isEmpty)
    bench.verdict(Self.disabled, startedAgo: .seconds(600))
    #expect(bench.last.isEmpty)
  }

  @Test("leaves clusters alone that hold nothing under the key")
  func plainCluster() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.pass(.seconds(2))
    bench.verdict(Self.disabled)
    for number in 1...3 { bench.check(number, Self.disabled) }
    #expect(bench.record?.lockout == nil)
    #expect(bench.openAlerts.contains(.keyRevoked))
  }

  @Test("checks every quarter of an hour while all is well, and every minute while it is not")
  func schedule() throws {
    var bench = try encrypted()
    func asked(_ span: Duration) -> Int {
      bench.pass(span)
      return bench.last.count { if case .checkKMS = $0 { true } else { false } }
    }
    #expect(asked(.seconds(14 * 60)) == 0)
    #expect(asked(.seconds(2 * 60 + 5)) == 1)
    bench.verdict(.unreachable(.network, detail: "down"))
    #expect(asked(.seconds(61)) == 1)
    #expect(asked(CoordinatorLimits.checkDeadline + .seconds(1)) >= 1, "a lost check is asked for again")
  }
}
