// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Turning encryption off, and forgetting the key")
struct DecryptTests {
  private typealias Order = (inout CoordinatorCore, Instant) throws(CoordinatorError) -> Decision<PlanID>
  private let decrypt: Order = { core, now throws(CoordinatorError) in try core.decryptCluster(Bench.cluster, now: now)
  }
  private let encrypt: Order = { core, now throws(CoordinatorError) in try core.encryptCluster(Bench.cluster, now: now)
  }

  private func remove(_ bench: inout Bench) throws(CoordinatorError) {
    try bench.order { core, now throws(CoordinatorError) in try core.removeKMS(Bench.project, now: now) }
  }

  /// What the node reports after a re-sync into a plain generation.
  private func makePlain(_ number: Int, in bench: inout Bench) {
    bench.change(number) { $0.generation = GenerationReport(id: .random(), encrypted: false) }
  }

  private func resyncs(_ bench: Bench) -> [Bool] {
    bench.commands().compactMap { if case .resync(let encrypted, _) = $0.action { encrypted } else { nil } }
  }

  @Test("goes secondaries first and the primary last, after it handed over, and ends once nothing encrypted is left")
  func decrypts() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let id = try bench.order(decrypt)
    #expect(resyncs(bench) == [false] && bench.commands(to: Bench.node(2)).count == 1)
    makePlain(2, in: &bench)
    #expect(bench.commands(to: Bench.node(3)).count == 1)
    makePlain(3, in: &bench)
    #expect(bench.commands(to: Bench.node(1)).map(\.action) == [.stepDown])
    bench.makePrimary(2, term: 2)
    bench.pass(.seconds(3))
    #expect(try bench.plan(id).steps.last?.node == Bench.node(1))
    bench.change(1) { $0.supersededGenerations = 1 }
    makePlain(1, in: &bench)
    bench.pass(.seconds(3))
    #expect(try bench.plan(id).isOpen, "an encrypted generation is left")
    #expect(throws: CoordinatorError.self) { try remove(&bench) }
    bench.change(1) { $0.supersededGenerations = 0 }
    #expect(try bench.plan(id).outcome == .succeeded)
    #expect(bench.record?.encrypted == false && bench.record?.encryptionWanted == false)
    #expect(throws: CoordinatorError.self) { try bench.order(decrypt) }
  }

  @Test("needs no KMS: an outage holds nothing up")
  func outage() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.unreachable(.timeout, detail: "no answer"))
    try bench.order(decrypt)
    #expect(resyncs(bench) == [false])
  }

  @Test("is refused while the key is revoked, with the reason, and waits if it is revoked meanwhile")
  func revoked() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    var other = bench
    other.verdict(.revoked(.keyDisabled, detail: "it is disabled"))
    let error = #expect(throws: CoordinatorError.self) { try other.order(decrypt) }
    #expect(error?.description.contains("keyDisabled") == true)
    #expect(throws: CoordinatorError.self) { try remove(&other) }

    let id = try bench.order(decrypt)
    bench.verdict(.revoked(.keyDisabled, detail: "it is disabled"))
    makePlain(2, in: &bench)
    bench.pass(.seconds(5))
    #expect(resyncs(bench).isEmpty)
    #expect(bench.core.waitingReason(of: id)?.contains("revoked") == true)
    bench.verdict(.valid)
    #expect(resyncs(bench) == [false])
  }

  @Test("has the key looked at first with fresh credentials, under every version of the settings that is needed")
  func looks() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let versions = try bench.order { core, now throws(CoordinatorError) in
      try core.lookBeforeDecrypting(Bench.cluster, now: now)
    }
    #expect(versions == [1])
    #expect(bench.last.contains(.checkKMS(Bench.project, settingsVersion: 1, renewing: true)))
    #expect(resyncs(bench).isEmpty && bench.record?.encryptionWanted == true, "nothing is ordered by a look")
    var plain = try Bench()
    try plain.serve(3)
    #expect(throws: CoordinatorError.self) {
      try plain.order { core, now throws(CoordinatorError) in try core.lookBeforeDecrypting(Bench.cluster, now: now) }
    }
    #expect(!plain.last.contains(.checkKMS(Bench.project, settingsVersion: 1, renewing: true)))
  }

  @Test("is refused while a node sees the key revoked, whatever the coordinator sees, and waits if one does meanwhile")
  func seenByNode() throws {
    for own in [Verdict.unreachable(.timeout, detail: "no answer"), .valid] {
      var bench = try Bench()
      try bench.serve(3, encrypted: true)
      bench.verdict(own)
      bench.check(2, .revoked(.keyDisabled, detail: "it is disabled"))
      let error = #expect(throws: CoordinatorError.self) { try bench.order(decrypt) }
      #expect(error?.description.contains("node-2 sees it revoked (keyDisabled)") == true)
      bench.check(2, .valid)
      let id = try bench.order(decrypt)
      #expect(resyncs(bench) == [false])
      bench.check(3, .revoked(.keyDisabled, detail: "it is disabled"))
      makePlain(2, in: &bench)
      bench.pass(.seconds(3))
      #expect(resyncs(bench).isEmpty)
      #expect(bench.core.waitingReason(of: id)?.contains("node-3 sees it revoked") == true)
    }
  }

  @Test("a copy in the clear that failed is not ordered again while anybody sees the key revoked")
  func repeated() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let id = try bench.order(decrypt)
    let command = try #require(bench.commands(to: Bench.node(2)).first)
    bench.check(3, .revoked(.keyDisabled, detail: "it is disabled"))
    bench.answer(Bench.node(2), command, .failed(reason: "nothing is copied in the clear"))
    for _ in 0..<60 {
      bench.pass(.seconds(3))
      #expect(resyncs(bench).isEmpty)
    }
    #expect(bench.core.waitingReason(of: id)?.contains("node-3 sees it revoked") == true)
    bench.check(3, .valid)
    var orders = resyncs(bench)
    for _ in 0..<60 where orders.isEmpty {
      bench.pass(.seconds(3))
      orders += resyncs(bench)
    }
    #expect(orders.first == false)
  }

  @Test("a revocation that was seen is not over because the KMS is out of reach since")
  func outageAfterRevocation() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.revoked(.keyDisabled, detail: "it is disabled"))
    bench.now = bench.now + .seconds(60)
    bench.verdict(.unreachable(.network, detail: "no route"))
    let error = #expect(throws: CoordinatorError.self) { try bench.order(decrypt) }
    #expect(error?.description.contains("the coordinator saw it revoked") == true)
    bench.verdict(.valid)
    try bench.order(decrypt)
  }

  @Test("gives up an encryption under way, and takes back what that still does")
  func supersedes() throws {
    var bench = try Bench()
    try bench.serve(3)
    let first = try bench.order(encrypt)
    let command = try #require(bench.commands(to: Bench.node(2)).first)
    bench.change(2) {
      $0.work = WorkReport(
        command: command.id, stage: "copying", documentsDone: 0, documentsTotal: 1, bytesDone: 0,
        startedAtMilliseconds: 0)
    }
    let second = try bench.order(decrypt)
    guard case .superseded = try bench.plan(first).outcome else { return #expect(Bool(false), "not superseded") }
    bench.pass(.seconds(3))
    #expect(try bench.plan(second).isOpen, "node 2 is still copying")
    bench.reports[Bench.node(2)]?.work = nil
    bench.encrypt(2)
    bench.pass(.seconds(3))
    #expect(try bench.plan(second).isOpen)
    makePlain(2, in: &bench)
    bench.pass(.seconds(3))
    #expect(try bench.plan(second).outcome == .succeeded)

    // The command of the plan that was given up arrives after all, and the node crashes before it can say so.
    bench.reports[Bench.node(2)]?.boot = .random()
    bench.encrypt(2)
    bench.hello(Bench.node(2))
    #expect(bench.core.nodeRecords[Bench.node(2)]?.distrust == nil)
    bench.pass(.seconds(3))
    makePlain(2, in: &bench)
    bench.pass(.seconds(3))
    bench.encrypt(3)
    bench.pass(.seconds(3))
    #expect(bench.core.openPlans(of: Bench.cluster).map(\.kind) == [.decrypt])
    makePlain(3, in: &bench)
    bench.pass(.seconds(3))
    #expect(bench.core.openPlans(of: Bench.cluster).isEmpty)
  }

  @Test("a node that was asked for the opposite copies anew, whatever its reports show: the order may still arrive")
  func opposed() throws {
    var bench = try Bench()
    try bench.serve(3)
    try bench.order(encrypt)
    let node = Bench.node(2)
    #expect(bench.commands(to: node).count == 1)
    let second = try bench.order(decrypt)
    bench.pass(.seconds(3))
    #expect(try bench.plan(second).isOpen)
    try bench.restart()
    for number in 1...3 { bench.hello(Bench.node(number)) }
    let before = try #require(bench.reports[node]?.generation?.id)
    bench.pass(.seconds(3))
    #expect(bench.commands(to: node).map(\.action) == [.resync(encrypted: false, expecting: before)])
    makePlain(2, in: &bench)
    bench.pass(.seconds(3))
    #expect(try bench.plan(second).outcome == .succeeded, "of the others nothing was asked")
  }

  @Test("ends only by what every node says to this coordinator, not by what its store remembers")
  func remembered() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let id = try bench.order(decrypt)
    for number in [2, 3] { makePlain(number, in: &bench) }
    bench.makePrimary(2, term: 2)
    bench.pass(.seconds(3))
    bench.change(1) { $0.supersededGenerations = 1 }
    makePlain(1, in: &bench)
    try bench.restart()
    bench.reports[Bench.node(1)]?.supersededGenerations = 0
    for number in [1, 2] { bench.hello(Bench.node(number)) }
    bench.pass(.seconds(3), silent: [Bench.node(3)])
    #expect(try bench.plan(id).isOpen)
    #expect(bench.core.waitingReason(of: id)?.contains("waiting for node-3: not heard of") == true)
    bench.hello(Bench.node(3))
    bench.pass(.seconds(3))
    #expect(try bench.plan(id).outcome == .succeeded)
  }

  @Test("forgets the settings only when nothing uses them, with all that is known of the key")
  func removal() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let error = #expect(throws: CoordinatorError.self) { try remove(&bench) }
    #expect(error?.description.contains(Bench.cluster.text) == true)
    try bench.order(decrypt)
    for number in [2, 3] { makePlain(number, in: &bench) }
    bench.makePrimary(2, term: 2)
    bench.pass(.seconds(3))
    makePlain(1, in: &bench)
    bench.pass(.seconds(3))
    bench.verdict(.unreachable(.timeout, detail: "no answer"))
    bench.verdict(.unreachable(.timeout, detail: "no answer"))
    let version = try #require(bench.core.projectRecords[Bench.project]?.settingsVersion)
    try remove(&bench)
    let project = try #require(bench.core.projectRecords[Bench.project])
    #expect(project.kms == nil && project.canary == nil && project.lastCheck == nil)
    #expect(project.settingsVersion == version + 1 && bench.openAlerts.isEmpty)
    #expect(bench.auditTrail.first?.action == "kms settings removed")
    bench.verdict(.revoked(.keyDisabled, detail: "late"), version: version)
    #expect(bench.core.projectRecords[Bench.project]?.lastCheck == nil)
    #expect(throws: CoordinatorError.self) { try remove(&bench) }
    #expect(throws: CoordinatorError.self) { try bench.order(encrypt) }
    try bench.restart()
    try bench.proveKMS()
    #expect(bench.core.projectRecords[Bench.project]?.settingsVersion == version + 2)
  }
}
