// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A customer's key that is in use for long")
struct CustomerKeyAgeTests {
  private func bench(days: Int) throws -> Bench {
    var bench = try Bench()
    try bench.serve(1)
    bench.age(byDays: days)
    bench.pass(.seconds(15))
    return bench
  }

  private func isOpen(_ bench: Bench) -> Bool { bench.openAlerts.contains(.customerKeyOld) }

  @Test("is an alert after 90 days, not before, and none any more once another key is in force")
  func opensAndCloses() throws {
    var bench = try bench(days: 89)
    #expect(!isOpen(bench))
    bench.age(byDays: 2)
    bench.pass(.seconds(15))
    #expect(isOpen(bench))
    try bench.restart()
    bench.pass(.seconds(15))
    #expect(isOpen(bench))
    // The same key with other credentials is the same key.
    try bench.proveKMS()
    bench.pass(.seconds(15))
    #expect(isOpen(bench))
    var settings = Bench.settings
    settings.keyID = "arn:aws:kms:eu-central-1:111122223333:key/two"
    let version = try bench.core.settingsVersion(proposing: settings, for: Bench.project)
    try bench.order { core, now throws(CoordinatorError) in
      try core.onKMSProven(
        Bench.project, settings: settings, settingsVersion: version, canary: Bench.canary, now: now)
    }
    bench.pass(.seconds(15))
    #expect(!isOpen(bench))
  }

  @Test("is an alert after as many days as its provider's setting says, and never if that is off")
  func settings() throws {
    var bench = try bench(days: 40)
    func set(_ provider: KMSProvider?, _ days: Int) throws {
      try bench.order { core, now throws(CoordinatorError) in
        try core.setKeyAlert(Bench.project, provider: provider, days: days, now: now)
      }
    }
    try set(.azure, 30)
    #expect(!isOpen(bench), "the key is one of AWS")
    try set(.aws, 30)
    #expect(isOpen(bench), "at once")
    try set(.aws, 41)
    #expect(!isOpen(bench))
    try set(nil, 30)
    #expect(isOpen(bench))
    try set(nil, 0)
    #expect(!isOpen(bench))
    bench.age(byDays: 400)
    bench.pass(.seconds(15))
    #expect(!isOpen(bench))
    #expect(throws: CoordinatorError.self) { try set(nil, -1) }
    #expect(throws: CoordinatorError.self) { try set(nil, 4000) }
  }

  @Test("a clock that was set back raises no alert, and one that was ahead for a while only while it is")
  func clocks() throws {
    var bench = try bench(days: 10)
    bench.now = bench.now + .seconds(200 * 86_400)
    bench.pass(.seconds(15))
    #expect(isOpen(bench))
    bench.now = bench.now - .seconds(200 * 86_400)
    bench.pass(.seconds(15))
    #expect(!isOpen(bench))
    bench.now = bench.now - .seconds(400 * 86_400)
    bench.pass(.seconds(15))
    #expect(!isOpen(bench))
  }
}

@Suite("The proof that a node could restart")
struct RestartProofTests {
  private func bench() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.valid)
    bench.keepsClock = true
    for number in 1...3 { bench.prove(number) }
    return bench
  }

  private func isOpen(_ bench: Bench) -> Bool { bench.openAlerts.contains(.restartNotProven) }

  @Test("grows old, is an alert after an hour, and closes with the next proof")
  func alert() throws {
    var bench = try bench()
    bench.pass(.seconds(60))
    let view = bench.core.view(of: try bench.core.node(named: Bench.node(2)), now: bench.now)
    #expect((55...65).contains(view.restartProofAgeSeconds ?? 0))
    bench.now = bench.now + .seconds(3590)
    bench.pass(.seconds(30))
    #expect(isOpen(bench))
    for number in 1...3 { bench.prove(number) }
    bench.pass(.seconds(15))
    #expect(!isOpen(bench))
  }

  @Test("is of the key in use: one with the key before says nothing, and a new key has an hour's time")
  func ofTheKeyInUse() throws {
    var bench = try bench()
    // A new process under a key that was asked for.
    try bench.order { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now) }
    bench.rotate(2)
    bench.pass(.seconds(15))
    let view = bench.core.view(of: try bench.core.node(named: Bench.node(2)), now: bench.now)
    #expect(view.restartProofAgeSeconds == nil)
    #expect(!isOpen(bench))
    for number in [1, 3] { bench.prove(number) }
    bench.now = bench.now + .seconds(3590)
    for number in [1, 3] { bench.prove(number) }
    bench.pass(.seconds(30))
    #expect(
      bench.core.alerts.filter { $0.closedAt == nil && $0.kind == .restartNotProven }.map(\.subject) == ["node-2"])
  }

  @Test("is not younger or older by a jump of the coordinator's clock")
  func clockJump() throws {
    var bench = try bench()
    bench.now = bench.now + .seconds(100 * 86_400)
    bench.nodeClockOffset -= 100 * 86_400_000
    bench.pass(.seconds(30))
    #expect(!isOpen(bench))
  }

  @Test("is needed before a node is restarted")
  func restart() throws {
    var bench = try bench()
    for number in 1...3 { bench.check(number, .valid) }
    bench.change(2) { $0.restartProof?.masterKeyID = MasterKeyID.random() }
    let plan = try bench.order { core, now throws(CoordinatorError) in
      try core.restartCluster(Bench.cluster, now: now)
    }
    bench.pass(.seconds(5))
    #expect(try bench.plan(plan).steps.first?.kind == .proveKMS)
    bench.prove(2)
    bench.pass(.seconds(5))
    #expect(try bench.plan(plan).steps.map(\.kind).prefix(2) == [.proveKMS, .restart])
    #expect(try bench.plan(plan).steps.map(\.state).prefix(2) == [.done, .running])
  }
}

extension Bench {
  /// The node proves that it could restart.
  mutating func prove(_ number: Int) {
    let nodeTime = nodeTime
    change(number) { report in
      report.restartProof = report.generation?.masterKeyID.map {
        RestartProof(
          masterKeyID: $0, keystoreVersion: report.generation?.keystoreVersion ?? 0, provenAtMilliseconds: nodeTime)
      }
    }
  }
}
