// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A node that can't come back by itself is copied anew")
struct InitialSyncTests {
  /// A cluster of three whose third node has a damaged table; `plan` is what was made of it.
  private func damaged(encrypted: Bool = false) throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: encrypted)
    bench.change(3) {
      $0.phase = .failed(reason: "c_1.wt: checksum")
      $0.damage = [DamageReport(file: "c_1.wt", reason: "a page does not fit its checksum")]
      $0.replication = nil
    }
    return bench
  }

  private func plan(_ bench: Bench) throws -> PlanRecord {
    try #require(bench.core.plans.first { $0.kind == .initialSync })
  }

  private func order(_ bench: Bench, _ number: Int = 3) throws -> (NodeCommand, InitialSyncOrder) {
    for command in bench.commands(to: Bench.node(number)) {
      if case .initialSync(let order) = command.action { return (command, order) }
    }
    throw TestFailure("no initial sync was asked for")
  }

  private struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = text }
  }

  @Test("a damaged secondary is asked at once, from the other secondary first, and the alert says what and why")
  func damage() throws {
    var bench = try damaged()
    let (command, order) = try order(bench)
    #expect(order.sources == [Bench.node(2), Bench.node(1)])
    #expect(
      order.replacing == bench.reports[Bench.node(3)]?.generation?.id && !order.encrypted
        && order.lostTerm == 1 + CoordinatorLimits.unseenTerms)
    let alert = try #require(bench.core.alerts.first { $0.kind == .initialSync && $0.closedAt == nil })
    #expect(alert.text.contains("c_1.wt") && alert.text.contains("copies everything anew"))
    #expect(try plan(bench).reason?.contains("c_1.wt") == true)
    let node = try #require(bench.core.nodes.last)
    #expect(bench.core.view(of: node, now: bench.now).initialSync == alert.text)

    bench.answer(Bench.node(3), command, .accepted)
    let work = WorkReport(
      command: command.id, stage: "copying", documentsDone: 1, documentsTotal: 2, bytesDone: 1, startedAtMilliseconds: 0
    )
    bench.change(3) { $0.work = work }
    bench.pass(.seconds(60))
    #expect(bench.commands().isEmpty)
    comeBack(&bench, number: 3, recovering: true)
    bench.pass(.seconds(300))
    #expect(bench.commands().isEmpty, "asked anew while its new generation catches up")
    #expect(try plan(bench).isOpen)
    bench.change(3) { $0.replication?.isRecovering = false }
    #expect(try plan(bench).outcome == .succeeded)
    bench.pass(.seconds(2))
    #expect(!bench.openAlerts.contains(.initialSync))
  }

  @Test("a copy for which there is no room is not begun, says so with figures, and goes on once there is")
  func room() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: false)
    for number in 1...2 {
      bench.change(number) { $0.disk = DiskReport(freeBytes: 9 << 30, totalBytes: 20 << 30, dataBytes: 2 << 30) }
    }
    bench.change(3) {
      $0.phase = .failed(reason: "oplog.wt: no space left on device")
      $0.damage = [DamageReport(file: "oplog.wt", reason: "no space left on device")]
      $0.replication = nil
      $0.disk = DiskReport(freeBytes: 1 << 30, totalBytes: 20 << 30, dataBytes: 2 << 30)
    }
    bench.pass(.seconds(60))
    #expect(throws: TestFailure.self) { _ = try order(bench) }
    let alert = try #require(bench.core.alerts.first { $0.kind == .initialSync && $0.closedAt == nil })
    #expect(alert.text.contains("1.0 GiB free") && alert.text.contains("needs 2.3 GiB"), "\(alert.text)")
    #expect(bench.core.view(of: try plan(bench), now: bench.now).waitingReason?.contains("make room") == true)
    bench.change(3) { $0.disk?.freeBytes = 3 << 30 }
    _ = try order(bench)
  }

  private func comeBack(_ bench: inout Bench, number: Int, recovering: Bool = false, encrypted: Bool = false) {
    bench.change(number) {
      $0.phase = .serving
      $0.damage = []
      $0.work = nil
      $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false)
      $0.replication = Bench.place(.secondary, term: 2)
      $0.replication?.isRecovering = recovering
    }
    if encrypted { bench.encrypt(number) }
  }

  @Test("an empty data directory where there was data is a loss; a founding node's is not")
  func empty() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.change(2) {
      $0.phase = .empty
      $0.generation = nil
      $0.replication = nil
    }
    let (_, order) = try order(bench, 2)
    #expect(order.replacing == nil)
    #expect(try plan(bench).reason?.contains("empty") == true)
    comeBack(&bench, number: 2)
    #expect(try plan(bench).outcome == .succeeded)
  }

  @Test("an encrypted cluster's node gets an encrypted generation, and waits while the key is revoked")
  func encrypted() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.valid)
    bench.change(3) {
      $0.phase = .empty
      $0.generation = nil
      $0.replication = nil
    }
    #expect(try order(bench).1.encrypted)
    comeBack(&bench, number: 3)
    #expect(try plan(bench).isOpen, "a plain generation of an encrypted cluster")
    comeBack(&bench, number: 3, encrypted: true)
    #expect(try plan(bench).outcome == .succeeded)
  }

  @Test("without a healthy majority nothing is guessed, and the alert says so")
  func noMajority() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.pass(.seconds(12), silent: [Bench.node(2)])
    bench.change(3) {
      $0.phase = .empty
      $0.generation = nil
      $0.replication = nil
    }
    bench.pass(.seconds(20), silent: [Bench.node(2)])
    #expect(bench.commands().isEmpty)
    let alert = try #require(bench.core.alerts.first { $0.kind == .initialSync && $0.closedAt == nil })
    #expect(alert.text.contains("no healthy majority without node-3") && alert.text.contains("node-2"))
    #expect(alert.text.contains("put the right files back, then: keyfold cluster start orders; only if"))
    bench.heartbeat(Bench.node(2))
    #expect(try order(bench).1.sources.count == 2)
  }

  @Test("a member the primary's oplog no longer reaches is copied anew, under the lease of its cluster")
  func tooFarBehind() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.change(2) { $0.replication?.needsInitialSync = true }
    let sync = try plan(bench)
    #expect(bench.record?.lease == sync.id)
    #expect(try order(bench, 2).1.replacing == bench.reports[Bench.node(2)]?.generation?.id)
    let restart = try bench.order { core, now throws(CoordinatorError) in
      try core.restartCluster(Bench.cluster, now: now)
    }
    bench.pass(.seconds(30))
    #expect(try bench.plan(restart).steps.allSatisfy { $0.state == .pending }, "two rolling plans at once")
    comeBack(&bench, number: 2)
    #expect(try bench.plan(sync.id).outcome == .succeeded)
  }

  @Test("a step of another plan that hangs on the broken node gives the lease to its copy, and goes on afterwards")
  func hangingStep() throws {
    var bench = try Bench()
    try bench.serve(3)
    let encrypt = try bench.order { core, now throws(CoordinatorError) in
      try core.encryptCluster(Bench.cluster, now: now)
    }
    guard case .resync = bench.commands(to: Bench.node(2)).first?.action else { throw TestFailure("no re-sync") }
    bench.change(2) {
      $0.phase = .failed(reason: "c_1.wt")
      $0.damage = [DamageReport(file: "c_1.wt", reason: "checksum")]
      $0.replication = nil
    }
    #expect(try order(bench, 2).1.encrypted, "what is wanted, so that it need not be copied twice")
    comeBack(&bench, number: 2, encrypted: true)
    #expect(try plan(bench).outcome == .succeeded)
    bench.pass(.seconds(2))
    #expect(try bench.plan(encrypt).steps.first { $0.node == Bench.node(2) }?.state == .done)
  }

  @Test("an operator may ask for a healthy node; the primary hands over first")
  func operatorAsks() throws {
    var bench = try Bench()
    try bench.serve(3)
    let id = try bench.order { core, now throws(CoordinatorError) in try core.resyncNode(Bench.node(1), now: now) }
    #expect(bench.commands(to: Bench.node(1)).map(\.action) == [.stepDown])
    #expect(throws: CoordinatorError.self) {
      try bench.order { core, now throws(CoordinatorError) in try core.resyncNode(Bench.node(1), now: now) }
    }
    bench.makePrimary(2, term: 2)
    bench.heartbeat(Bench.node(2))
    bench.now = bench.now + .milliseconds(1)
    bench.heartbeat(Bench.node(1))
    #expect(try order(bench, 1).1.sources == [Bench.node(3), Bench.node(2)])
    #expect(!bench.openAlerts.contains(.initialSync))
    comeBack(&bench, number: 1)
    #expect(try bench.plan(id).outcome == .succeeded)
  }

  @Test("a node that needs one again and again is left to an operator")
  func limit() throws {
    var bench = try Bench()
    try bench.serve(3)
    for _ in 0..<CoordinatorLimits.initialSyncsPerWindow {
      bench.change(3) {
        $0.phase = .empty
        $0.generation = nil
        $0.replication = nil
      }
      comeBack(&bench, number: 3)
    }
    bench.change(3) {
      $0.phase = .empty
      $0.generation = nil
      $0.replication = nil
    }
    #expect(bench.core.plans.filter { $0.kind == .initialSync }.allSatisfy { !$0.isOpen })
    let alert = try #require(bench.core.alerts.first { $0.kind == .initialSync && $0.closedAt == nil })
    #expect(alert.text.contains("keyfold node resync node-3"))
    bench.pass(CoordinatorLimits.initialSyncWindow)
    #expect(try plan(bench).isOpen)
  }

  @Test("a node that comes back without the copy needs none any more")
  func comesBack() throws {
    var bench = try damaged()
    _ = try order(bench)
    bench.change(3) {
      $0.phase = .serving
      $0.damage = []
      $0.replication = Bench.place(.secondary)
    }
    guard case .superseded = try plan(bench).outcome else { return #expect(Bool(false), "the plan goes on") }
    bench.pass(.seconds(20))
    #expect(bench.commands().isEmpty && !bench.openAlerts.contains(.initialSync))
  }

  @Test("survives a restart of the coordinator, and asks under the same id")
  func restarts() throws {
    var bench = try damaged()
    let (command, _) = try order(bench)
    try bench.restart()
    for number in 1...3 { bench.hello(Bench.node(number)) }
    bench.pass(.seconds(3))
    #expect(try order(bench).0 == command)
    #expect(bench.core.plans.count { $0.kind == .initialSync } == 1)
  }

  @Test("a member that is only behind is copied from the primary though the third is lost: it has lost nothing")
  func behindWithoutMajority() throws {
    var bench = try damaged()
    bench.change(2) { $0.replication?.needsInitialSync = true }
    bench.pass(.seconds(2))
    let plans = bench.core.plans.filter { $0.kind == .initialSync && $0.isOpen }
    let running = plans.flatMap(\.steps).filter { $0.state == .running }.compactMap(\.node)
    #expect(running.contains(Bench.node(2)))
  }
}
