// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A coordinator whose clock is set")
struct ClockTests {
  @Test("repeats a command at its intervals, not at every word of a node")
  func repeatsWithPauses() throws {
    var bench = try Bench()
    try bench.serve(3)
    try bench.order { core, now throws(CoordinatorError) in try core.restartCluster(Bench.cluster, now: now) }
    bench.pass(.seconds(3))
    bench.now = bench.now - .seconds(3600)
    bench.pass(.seconds(4))
    var sends = 0
    for _ in 0..<60 {
      bench.pass(.seconds(1))
      sends += bench.commands().count
    }
    #expect((1...20).contains(sends))
  }

  @Test("gives no cluster up before its time")
  func countsTimeThatPassed() throws {
    var bench = try Bench()
    try bench.enroll(3)
    let heard = [2, 3].map(Bench.node)
    for node in heard {
      bench.reports[node] = NodeReport(node: node, boot: .random(), agentVersion: "t", phase: .awaitingSettings)
      bench.hello(node)
    }
    _ = try bench.order { core, now throws(CoordinatorError) in
      try core.createCluster(Bench.cluster, project: Bench.project, nodes: [], now: now)
    }
    for minutes in [600, -86_400, 30] {
      bench.now = bench.now + .seconds(60 * minutes)
      bench.pass(.seconds(9 * 60))
      #expect(bench.record != nil)
      try bench.restart()
      for node in heard { bench.hello(node) }
    }
    // 27 minutes passed, and at most a step of the count was lost at each of the three starts.
    bench.pass(.seconds(2 * 60))
    #expect(bench.record != nil)
    bench.pass(.seconds(60) + CoordinatorLimits.ageStep * 3)
    #expect(bench.record == nil)
  }

  @Test("sees a step done that was begun before its clock was set back")
  func seesWhatIsDone() throws {
    var bench = try Bench()
    try bench.serve(3)
    let plan = try bench.order { core, now throws(CoordinatorError) in
      try core.shutdownCluster(Bench.cluster, now: now)
    }
    bench.now = bench.now - .seconds(3600)
    for number in [2, 3, 1] { bench.change(number) { ($0.phase, $0.replication) = (.stopped, nil) } }
    bench.pass(.seconds(3))
    #expect(try bench.plan(plan).outcome == .succeeded)
  }

  @Test("asks for no copy of what was copied already")
  func copiesOnce() throws {
    var bench = try Bench()
    try bench.serve(3)
    try bench.order { core, now throws(CoordinatorError) in try core.encryptCluster(Bench.cluster, now: now) }
    let asked = try #require(bench.commands(to: Bench.node(2)).first)
    let cluster = try #require(bench.record)
    var step = PlanStep(.resync, Bench.node(2))
    step.command = asked
    bench.encrypt(2)
    #expect(bench.core.action(for: step, at: Bench.node(2), in: cluster) == asked.action)
  }

  @Test("starts a node that stopped after its clock was set back")
  func reconciles() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.now = bench.now - .seconds(86_400)
    bench.pass(.seconds(3))
    bench.change(3) { ($0.phase, $0.replication) = (.stopped, nil) }
    bench.pass(.seconds(2))
    #expect(bench.core.openPlans(of: Bench.cluster).map(\.kind) == [.start])
  }

  @Test("counts nobody as heard of by words of the future")
  func hearsNobody() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.now = bench.now - .seconds(3600)
    bench.take(bench.core.onTick(now: bench.now))
    #expect(!bench.core.isHeard(Bench.node(2), now: bench.now))
    bench.heartbeat(Bench.node(2))
    #expect(bench.core.isHeard(Bench.node(2), now: bench.now))
  }

  @Test("checks the key at its next interval, not when the clock has caught up")
  func checksTheKey() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.valid)
    bench.now = bench.now - .seconds(86_400)
    bench.pass(.seconds(3))
    let asked = bench.last.contains { if case .checkKMS = $0 { true } else { false } }
    #expect(asked)
  }

  @Test("closes a cluster whose key is revoked, and opens it again, at once in the new time")
  func revocation() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.valid)
    for number in 1...3 { bench.check(number, .valid) }
    bench.now = bench.now - .seconds(86_400)
    bench.pass(.seconds(3))
    // A node's check of the future neither confirms nor denies; those of the new time do.
    bench.verdict(.revoked(.keyDisabled, detail: "off"))
    bench.check(1, .revoked(.keyDisabled, detail: "off"))
    #expect(bench.core.clusters.first?.lockout != nil)
    bench.pass(.seconds(5))
    bench.now = bench.now - .seconds(86_400)
    bench.verdict(.valid)
    #expect(bench.core.clusters.first?.lockout == nil)
  }

  @Test("believes no node's word of the future about a revocation, nor lets it say when the cluster may come back")
  func futureWords() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.valid)
    bench.change(1) {
      $0.lastCheck = CheckReport(
        verdict: .revoked(.accessDenied, detail: "no"), customerKeyID: Bench.key, settingsVersion: 1,
        startedAtMilliseconds: .max)
    }
    bench.verdict(.revoked(.accessDenied, detail: "no"))
    #expect(bench.core.clusters.first?.lockout == nil)
    bench.now = bench.now + .seconds(60)
    let ahead = bench.now.milliseconds + 200_000
    bench.change(2) {
      $0.lastCheck = CheckReport(
        verdict: .revoked(.accessDenied, detail: "no"), customerKeyID: Bench.key, settingsVersion: 1,
        startedAtMilliseconds: ahead)
    }
    bench.verdict(.revoked(.accessDenied, detail: "no"))
    #expect(bench.core.clusters.first?.lockout != nil)
    bench.now = bench.now + .seconds(1)
    bench.verdict(.valid)
    #expect(bench.core.clusters.first?.lockout == nil)
  }
}
