// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

extension Bench {
  static let secondKey = "https://vault-one.vault.azure.net/keys/shop/0123456789abcdef0123456789abcdef"
  static let secondSettings = KMSSettings(
    provider: .azure, keyID: secondKey, region: "", credentials: .azureManagedIdentity(clientID: nil))

  /// Proven settings of another key come into force.
  mutating func name(_ settings: KMSSettings) throws(CoordinatorError) {
    let version = try core.settingsVersion(proposing: settings, for: Self.project)
    try order { core, now throws(CoordinatorError) in
      try core.onKMSProven(
        Self.project, settings: settings, settingsVersion: version,
        canary: WrappedMasterKey(
          provider: settings.provider, keyID: settings.keyID, keyVersion: "", region: settings.region,
          createdAtMilliseconds: 0, blob: [8]), now: now)
    }
  }

  /// What a node reports after it has put its master key under another key.
  mutating func rewrap(_ number: Int, under key: String = Bench.secondKey) {
    change(number) {
      $0.generation?.customerKeyID = key
      $0.generation?.keystoreVersion += 1
    }
  }

  /// What the coordinator sees of a former key.
  mutating func formerVerdict(_ verdict: Verdict) {
    guard let former = core.projectRecords[Self.project]?.neededKeys.first else { return }
    let report = CheckReport(
      verdict: verdict, customerKeyID: former.keyID, settingsVersion: former.settingsVersion,
      startedAtMilliseconds: now.milliseconds)
    take(core.onVerdict(Self.project, report: report, now: now))
  }

  mutating func formerCheck(_ number: Int, _ verdict: Verdict) {
    guard let former = core.projectRecords[Self.project]?.neededKeys.first else { return }
    let report = CheckReport(
      verdict: verdict, customerKeyID: former.keyID, settingsVersion: former.settingsVersion,
      startedAtMilliseconds: now.milliseconds)
    change(number) { $0.lastCheck = report }
  }

  var former: [FormerKeyRecord] { core.projectRecords[Self.project]?.formerKeys ?? [] }
  var keyChanges: [PlanRecord] { core.plans.filter(\.kind.isKeyChange) }
  var actions: [NodeAction] { commands().map(\.action) }
  var need: [String: KeyNeedView] {
    Dictionary(uniqueKeysWithValues: core.keysNeeded().keys.map { ($0.keyID, $0) })
  }
}

@Suite("A customer key is replaced by another, node by node, and needed until the last has left it")
struct KeyChangeTests {
  @Test("wraps by the new key at once, keeps the old settings beside it, and asks one node after another")
  func change() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try bench.name(Bench.secondSettings)
    let plan = try #require(bench.keyChanges.first)
    #expect(plan.kind == .changeCMK && plan.isOpen && plan.reason == "from \(Bench.key) to \(Bench.secondKey)")
    let told = try #require(bench.record?.assignment)
    #expect(told.kms == Bench.secondSettings && told.settingsVersion == 2)
    #expect(told.formerKMS == [FormerKMS(settings: Bench.settings, settingsVersion: 1)])
    #expect(bench.actions.isEmpty, "nobody is asked before it has taken up the new settings")
    #expect(
      bench.core.view(of: try #require(bench.record), now: bench.now).keyChange?.contains("do not disable") == true)

    bench.followAssignment()
    for _ in 1...3 {
      bench.pass(.seconds(2))
      let running = try bench.plan(plan.id).steps.filter { $0.state == .running }
      #expect(running.count == 1)
      let node = try #require(running.first?.node)
      let expected = try #require(bench.reports[node]?.generation?.id)
      #expect(running.first?.command?.action == .rewrapMasterKey(expecting: expected, settingsVersion: 2))
      #expect(bench.former.first?.isNeeded == true)
      bench.rewrap(try #require((1...3).first { Bench.node($0) == node }))
    }
    bench.pass(.seconds(2))
    #expect(try bench.plan(plan.id).outcome == .succeeded)
    #expect(bench.former.first?.isNeeded == false && bench.former.first?.settings == nil)
    #expect(bench.core.projectRecords[Bench.project]?.keptSettings == [2])
    #expect(bench.record?.assignment?.formerKMS == nil)
    #expect(bench.auditTrail.contains { $0.action == "kms key replaced" })
    #expect(bench.auditTrail.first { $0.action == "kms key not needed" }?.detail.contains(Bench.key) == true)
    #expect(bench.need[Bench.key]?.canBeDeleted == true && bench.need[Bench.secondKey]?.canBeDeleted == false)
  }

  @Test("waits for a node that is away, without holding up the others, and keeps the old key for it")
  func away() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let gone: Set = [Bench.node(2)]
    bench.pass(.seconds(15), silent: gone)
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    bench.reports[Bench.node(2)]?.assignmentVersion = 1
    bench.pass(.seconds(2), silent: gone)
    bench.rewrap(3)
    bench.pass(.seconds(2), silent: gone)
    bench.rewrap(1)
    bench.pass(.seconds(2), silent: gone)
    let plan = try #require(bench.keyChanges.first)
    #expect(plan.isOpen && bench.core.waitingReason(of: plan.id)?.contains("node-2") == true)
    #expect(bench.need[Bench.key]?.dependents.map(\.subject) == ["node-2"])
    try bench.restart()
    for number in [1, 3] { bench.hello(Bench.node(number)) }
    bench.pass(.seconds(15), silent: gone)
    #expect(bench.former.first?.isNeeded == true, "a node that is away is not forgotten by a restart")

    bench.hello(Bench.node(2))
    bench.followAssignment()
    bench.pass(.seconds(3))
    #expect(bench.commands(to: Bench.node(2)).contains { if case .rewrapMasterKey = $0.action { true } else { false } })
    bench.rewrap(2)
    bench.pass(.seconds(2))
    #expect(try bench.plan(plan.id).outcome == .succeeded && bench.former.first?.isNeeded == false)
  }

  @Test("a copy that was begun under the old key and ended late gets its turn")
  func lateCopy() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    let copy = GenerationReport(
      id: GenerationID.random(), encrypted: true, keystoreVersion: 1, masterKeyID: MasterKeyID.random(),
      masterKeyCheckValue: "aa", customerKeyID: Bench.key)
    bench.change(1) { $0.otherGenerations = [copy] }
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    bench.pass(.seconds(2))
    bench.rewrap(1)
    bench.pass(.seconds(2))
    #expect(bench.former.first?.isNeeded == true)
    #expect(bench.need[Bench.key]?.dependents.map(\.detail) == ["copy or superseded generation \(copy.id)"])
    bench.change(1) {
      $0.generation = copy
      $0.otherGenerations = nil
    }
    bench.pass(.seconds(2))
    #expect(bench.keyChanges.count == 2 && bench.keyChanges.first?.isOpen == true)
    bench.rewrap(1)
    bench.pass(.seconds(2))
    #expect(bench.keyChanges.first?.outcome == .succeeded && bench.former.first?.isNeeded == false)
  }

  @Test("is refused while the key is revoked, and while a cluster is locked out")
  func revoked() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.revoked(.keyDisabled, detail: "off"))
    do {
      try bench.name(Bench.secondSettings)
      Issue.record("the key was changed")
    } catch { #expect(error.code == .refused && error.description.contains("revoked (keyDisabled)")) }
    bench.check(1, .revoked(.keyDisabled, detail: "off"))
    #expect(bench.record?.lockout != nil)
    bench.verdict(.unreachable(.network, detail: "gone"))
    do {
      try bench.name(Bench.secondSettings)
      Issue.record("the key was changed")
    } catch { #expect(error.code == .refused) }
    #expect(bench.keyChanges.isEmpty && bench.former.isEmpty)
  }

  @Test("works while the old KMS is out of reach")
  func unreachable() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    bench.verdict(.unreachable(.network, detail: "gone"))
    try bench.name(Bench.secondSettings)
    #expect(bench.keyChanges.count == 1)
  }

  @Test(
    "a revocation of the old key, seen by two, locks out clusters that need it, and only its own return opens them"
  )
  func oldKeyRevoked() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    bench.pass(.seconds(2))
    bench.rewrap(2)
    bench.formerVerdict(.revoked(.keyDisabled, detail: "off"))
    #expect(bench.record?.lockout == nil, "one vantage point is not enough")
    bench.formerCheck(3, .revoked(.keyDisabled, detail: "off"))
    #expect(bench.record?.lockout?.customerKeyID == Bench.key)
    #expect(bench.openAlerts.contains(.keyRevoked))
    bench.now = bench.now + .seconds(1)
    let valid = CheckReport(
      verdict: .valid, customerKeyID: Bench.secondKey, settingsVersion: 2,
      startedAtMilliseconds: bench.now.milliseconds)
    bench.take(bench.core.onVerdict(Bench.project, report: valid, now: bench.now))
    #expect(bench.record?.lockout != nil, "the new key's health says nothing of the old one")
    bench.pass(.seconds(2))
    #expect(!bench.actions.contains { if case .rewrapMasterKey = $0 { true } else { false } })
    bench.formerVerdict(.valid)
    #expect(bench.record?.lockout == nil && !bench.openAlerts.contains(.keyRevoked))
  }

  @Test("the old key's revocation is nothing to nodes that have left it")
  func freed() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    bench.pass(.seconds(2))
    bench.rewrap(1)
    let former = try #require(bench.former.first)
    #expect(!former.isNeeded)
    let report = CheckReport(
      verdict: .revoked(.keyNotFound, detail: "deleted"), customerKeyID: former.keyID,
      settingsVersion: former.settingsVersion, startedAtMilliseconds: bench.now.milliseconds)
    bench.take(bench.core.onVerdict(Bench.project, report: report, now: bench.now))
    #expect(bench.last.isEmpty && bench.record?.lockout == nil)
  }

  @Test("changing back in the middle puts those that moved under the first key again")
  func back() throws {
    var bench = try Bench()
    try bench.serve(2, encrypted: true)
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    bench.pass(.seconds(2))
    bench.rewrap(2)
    let first = try #require(bench.keyChanges.first)
    try bench.name(Bench.settings)
    #expect(bench.former.map(\.keyID) == [Bench.secondKey])
    if case .superseded = try bench.plan(first.id).outcome {} else { Issue.record("the first change goes on") }
    let second = try #require(bench.keyChanges.first { $0.isOpen })
    #expect(second.steps.map(\.node) == [Bench.node(2)])
    bench.followAssignment()
    bench.pass(.seconds(2))
    bench.rewrap(2, under: Bench.key)
    bench.pass(.seconds(2))
    #expect(try bench.plan(second.id).outcome == .succeeded && bench.former.allSatisfy { !$0.isNeeded })
  }

  @Test("a replica of the same key needs no former settings, and the blobs follow in a plan of their own")
  func region() throws {
    func settings(_ region: String) -> KMSSettings {
      KMSSettings(
        provider: .aws, keyID: "arn:aws:kms:\(region):111122223333:key/mrk-1", region: region, accessKeyID: "AKIA")
    }
    var bench = try Bench()
    try bench.serve(1)
    try bench.name(settings("eu-central-1"))
    bench.encrypt(1)
    bench.change(1) { $0.generation?.customerKeyID = settings("eu-central-1").keyID }
    bench.followAssignment()
    bench.pass(.seconds(2))
    try bench.name(settings("eu-west-1"))
    let plan = try #require(bench.keyChanges.first)
    #expect(plan.kind == .changeRegion && bench.former.allSatisfy { !$0.isNeeded })
    #expect(bench.record?.assignment?.formerKMS == nil)
    bench.followAssignment()
    bench.pass(.seconds(2))
    bench.rewrap(1, under: settings("eu-west-1").keyID)
    bench.pass(.seconds(2))
    #expect(try bench.plan(plan.id).outcome == .succeeded)
  }
}

@Suite("Another region stands in for a key's own")
struct RegionTests {
  @Test("is an outage that is said, closes nothing, and ends by itself")
  func standIn() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    func report(_ elsewhere: String?, at now: Instant) -> CheckReport {
      CheckReport(
        verdict: .valid, customerKeyID: Bench.key, settingsVersion: 1, startedAtMilliseconds: now.milliseconds,
        answeredElsewhere: elsewhere)
    }
    let out = report("eu-west-1", at: bench.now)
    bench.take(bench.core.onVerdict(Bench.project, report: out, now: bench.now))
    bench.change(1) { $0.lastCheck = out }
    #expect(bench.openAlerts == [.kmsUnreachable, .kmsUnreachable] && bench.record?.lockout == nil)
    #expect(bench.core.alertViews.allSatisfy { $0.text.contains("eu-central-1") && $0.text.contains("eu-west-1") })
    let view = try #require(bench.core.kmsView(of: try bench.core.project(named: Bench.project)))
    #expect(view.lastCheck?.answeredElsewhere == "eu-west-1")
    bench.now = bench.now + .seconds(5)
    let back = report(nil, at: bench.now)
    bench.take(bench.core.onVerdict(Bench.project, report: back, now: bench.now))
    bench.change(1) { $0.lastCheck = back }
    #expect(bench.openAlerts.isEmpty)
  }
}

@Suite("The ledger says what each customer key is needed for")
struct LedgerTests {
  @Test("lists settings, canary and every node's generations, and refuses to retire what is needed")
  func needed() throws {
    var bench = try Bench()
    try bench.serve(2, encrypted: true)
    let need = try #require(bench.need[Bench.key])
    #expect(need.state == .inForce && need.provider == .aws && need.version == nil && !need.canBeDeleted)
    #expect(need.dependents.map(\.kind) == [.settings, .canary, .node, .node])
    do {
      try bench.order { core, now throws(CoordinatorError) in try core.retireKey(Bench.key, now: now) }
      Issue.record("it was retired")
    } catch {
      #expect(error.code == .refused && error.description.contains("node-1") && error.description.contains("canary"))
    }
    do {
      try bench.order { core, now throws(CoordinatorError) in try core.retireKey("arn:nobody", now: now) }
      Issue.record("it was retired")
    } catch { #expect(error.code == .notFound) }
  }

  @Test("retires a key that nothing needs, and says so from then on")
  func retire() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    try bench.name(Bench.secondSettings)
    #expect(bench.need[Bench.key]?.state == .beingReplaced)
    bench.followAssignment()
    bench.pass(.seconds(2))
    bench.rewrap(1)
    #expect(bench.need[Bench.key]?.state == .notNeeded && bench.need[Bench.key]?.retiredAt == nil)
    let view = try bench.order { core, now throws(CoordinatorError) in try core.retireKey(Bench.key, now: now) }
    #expect(view.canBeDeleted && view.retiredAt != nil)
    try bench.restart()
    #expect(bench.need[Bench.key]?.retiredAt != nil)
    #expect(bench.need[Bench.secondKey]?.version == "0123456789abcdef0123456789abcdef")
  }

  @Test("a node that was never heard of under the new settings counts, whatever it had reported before")
  func unreported() throws {
    var bench = try Bench()
    try bench.serve(2)
    bench.encrypt(1)
    bench.pass(.seconds(12), silent: [Bench.node(2)])
    try bench.name(Bench.secondSettings)
    bench.change(1) { $0.assignmentVersion = 99 }
    bench.rewrap(1)
    bench.pass(.seconds(2), silent: [Bench.node(2)])
    #expect(
      bench.need[Bench.key]?.dependents.map(\.description) == [
        "node node-2 (has not reported since the key was replaced)"
      ])
  }

  @Test("a key that no report of the new settings shows is let go at once: what it wraps later nobody could open")
  func letGoByReports() throws {
    var bench = try Bench()
    try bench.serve(3)
    var record = try #require(bench.record)
    record.encryptionWanted = true
    bench.core.put(record)
    try bench.name(Bench.secondSettings)
    bench.pass(.seconds(1))
    #expect(bench.former.map(\.isNeeded) == [true])
    bench.followAssignment()
    bench.pass(.seconds(2))
    #expect(bench.former.map(\.isNeeded) == [false])
  }
}
