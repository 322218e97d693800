// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("What is ordered of a disabled cluster is queued, and done once the key is back")
struct QueueTests {
  private func disabled() throws -> Bench {
    var bench = try KeyTroubleTests.encrypted()
    bench.verdict(KeyTroubleTests.disabled)
    bench.check(2, KeyTroubleTests.disabled)
    for number in 1...3 { bench.change(number) { ($0.phase, $0.replication) = (.disabled(reason: "revoked"), nil) } }
    bench.followAssignment()
    bench.pass(.seconds(2))
    return bench
  }

  @Test("accepts changes in order, sends nothing of them while the key is away, and survives a restart")
  func queued() throws {
    var bench = try disabled()
    let rotate = try bench.order { core, now throws(CoordinatorError) in
      try core.rotateMasterKeys(Bench.cluster, now: now)
    }
    let restart = try bench.order { core, now throws(CoordinatorError) in
      try core.restartCluster(Bench.cluster, now: now)
    }
    try bench.restart()
    for number in 1...3 { bench.hello(Bench.node(number)) }
    bench.pass(.seconds(45 * 60))
    #expect(!bench.commands().contains { $0.plan != nil })
    for id in [rotate, restart] { #expect(bench.core.waitingReason(of: id)?.contains("queued") == true) }
    #expect(!bench.openAlerts.contains(.planOverdue), "the revoked key is alert enough")
    let view = try bench.core.view(of: #require(bench.record), now: bench.now)
    #expect(view.queued == ["rotate master keys", "restart"])

    bench.verdict(.valid)
    for number in 1...3 {
      bench.change(number) {
        $0.phase = .serving
        $0.replication = Bench.place(number == 1 ? .primary : .secondary)
      }
    }
    bench.followAssignment()
    bench.pass(.seconds(20))
    #expect(
      bench.commands().contains { command in
        if case .rotateMasterKey = command.action { command.plan == rotate } else { false }
      })
    #expect(!bench.commands().contains { $0.plan == restart }, "one after the other")
    #expect(try bench.core.view(of: #require(bench.record), now: bench.now).queued == nil)
  }

  @Test("accepts that the cluster is to be shut down: the key's return opens nothing then")
  func shutDown() throws {
    var bench = try disabled()
    try bench.order { core, now throws(CoordinatorError) in try core.shutdownCluster(Bench.cluster, now: now) }
    bench.verdict(.valid)
    bench.pass(.seconds(2))
    let assignment = try #require(bench.record?.assignment)
    #expect(assignment.disabledReason == nil && !assignment.running)
  }

  @Test("refuses what only makes sense now, and whatever touches the use of the key; the way back is named")
  func refused() throws {
    var bench = try disabled()
    func isRefused(_ order: () throws -> Void) -> Bool {
      do { try order() } catch {
        guard let error = error as? CoordinatorError else { return false }
        return error.code == .refused && error.next.contains("keyfold cluster try-again orders")
      }
      return false
    }
    #expect(isRefused { _ = try bench.core.stepDown(Bench.cluster, now: bench.now) })
    var other = Bench.settings
    other.keyID = "arn:aws:kms:eu-central-1:111122223333:key/two"
    do {
      _ = try bench.core.settingsVersion(proposing: other, for: Bench.project)
      Issue.record("another key was accepted")
    } catch {
      #expect(error.code == .refused && error.why.contains("revoked") && error.next.contains("same key can be changed"))
    }
    var same = Bench.settings
    same.credentials = .awsAccessKey(id: "AKIAOTHER")
    #expect(try bench.core.settingsVersion(proposing: same, for: Bench.project) == 2)
  }

  @Test("the region of a multi-Region key in use can be changed, and every node has to prove it")
  func region() throws {
    var bench = try KeyTroubleTests.encrypted()
    let here = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1"
    for number in 1...3 { bench.change(number) { $0.generation?.customerKeyID = here } }
    var there = Bench.settings
    there.keyID = "arn:aws:kms:us-east-1:111122223333:key/mrk-1"
    there.region = "us-east-1"
    #expect(try bench.core.settingsVersion(proposing: there, for: Bench.project) == 2)
    #expect(bench.core.provers(of: Bench.project, now: bench.now) == (1...3).map(Bench.node))
    bench.pass(.seconds(5), silent: [Bench.node(2)])
    bench.take(bench.core.onDisconnected(Bench.node(2), now: bench.now))
    #expect(bench.core.provers(of: Bench.project, now: bench.now) == [Bench.node(1), Bench.node(3)])
  }

  @Test("settings proven while the key is away let the cluster in, unless the proof began before the refusal")
  func proven() throws {
    var bench = try disabled()
    func prove(_ startedAt: Instant) throws {
      let version = try bench.core.settingsVersion(proposing: Bench.settings, for: Bench.project)
      try bench.order { core, now throws(CoordinatorError) in
        try core.onKMSProven(
          Bench.project, settings: Bench.settings, settingsVersion: version, canary: Bench.canary,
          startedAt: startedAt, now: now)
      }
    }
    try prove(bench.now - .seconds(60))
    #expect(bench.record?.lockout != nil)
    try prove(bench.now)
    #expect(bench.record?.lockout == nil)
    #expect(bench.openAlerts.isEmpty)
  }
}
