// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A former key whose credentials or dependents are gone")
struct FormerKeyTests {
  private static let disabled = Verdict.revoked(.keyDisabled, detail: "off")
  private static let refused = Verdict.revoked(.credentialsRefused, detail: "no such access key")

  /// Node 3 alone is still under the key before.
  private func almostChanged() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    bench.pass(.seconds(2))
    for number in 1...2 {
      bench.rewrap(number)
      bench.pass(.seconds(1))
    }
    return bench
  }

  private func lockedOut(by verdict: Verdict) throws -> Bench {
    var bench = try almostChanged()
    bench.formerVerdict(verdict)
    bench.formerCheck(3, verdict)
    #expect(bench.record?.lockout?.customerKeyID == Bench.key)
    bench.now = bench.now + .seconds(1)
    return bench
  }

  @Test("comes into force again with new credentials, which opens what it had locked out")
  func newCredentials() throws {
    var bench = try lockedOut(by: Self.refused)
    try bench.name(Bench.settings)
    #expect(bench.record?.lockout == nil)
    #expect(bench.core.projectRecords[Bench.project]?.kms == Bench.settings)
    #expect(bench.former.map(\.keyID) == [Bench.secondKey])
    let third = KMSSettings(provider: .aws, keyID: Bench.key + "3", region: "eu-central-1", accessKeyID: "AKIAEXAMPLE")
    var other = try lockedOut(by: Self.refused)
    #expect(throws: CoordinatorError.self) { try other.name(third) }
  }

  @Test("a lock-out ends with the last that was under its key, by a valid check of the key in force")
  func lastDependent() throws {
    var bench = try lockedOut(by: Self.disabled)
    func valid(_ bench: Bench) -> CheckReport {
      CheckReport(
        verdict: .valid, customerKeyID: Bench.secondKey, settingsVersion: 2,
        startedAtMilliseconds: bench.now.milliseconds)
    }
    bench.take(bench.core.onVerdict(Bench.project, report: valid(bench), now: bench.now))
    #expect(bench.record?.lockout != nil)
    bench.followAssignment()
    bench.rewrap(3)
    bench.pass(.seconds(2))
    #expect(bench.former.allSatisfy { !$0.isNeeded } && bench.record?.lockout != nil)
    bench.take(bench.core.onVerdict(Bench.project, report: valid(bench), now: bench.now))
    #expect(bench.record?.lockout == nil)
  }

  /// What the coordinator sees of the key in force.
  private func present(_ bench: inout Bench) {
    let check = CheckReport(
      verdict: .valid, customerKeyID: Bench.secondKey, settingsVersion: 2,
      startedAtMilliseconds: bench.now.milliseconds)
    bench.take(bench.core.onVerdict(Bench.project, report: check, now: bench.now))
  }

  @Test("is looked at every minute while it is in trouble, however well the key in force is", arguments: [true, false])
  func schedule(isSeenFirst: Bool) throws {
    var bench = try almostChanged()
    if isSeenFirst { bench.formerVerdict(Self.disabled) }
    present(&bench)
    if !isSeenFirst { bench.formerVerdict(Self.disabled) }
    bench.pass(CoordinatorLimits.troubledCheckInterval + .seconds(2))
    #expect(bench.last.contains(.checkKMS(Bench.project, settingsVersion: 1, renewing: false)))
  }

  @Test("a node that may not use it while the coordinator may is an alert, and so is a revocation nobody confirms")
  func disagreement() throws {
    let kind = AlertKind.vantagePointsDisagree
    var bench = try almostChanged()
    bench.formerVerdict(.valid)
    bench.formerCheck(3, Self.disabled)
    #expect(bench.core.alerts.contains { $0.kind == kind && $0.closedAt == nil && $0.text.contains(Bench.key) })
    bench.formerCheck(3, .valid)
    #expect(!bench.openAlerts.contains(kind))

    bench.pass(.seconds(1))
    bench.formerVerdict(Self.disabled)
    bench.formerCheck(3, .unreachable(.network, detail: "no route"))
    bench.pass(.seconds(20))
    #expect(bench.openAlerts.contains(kind) && bench.record?.lockout == nil)
    present(&bench)
    #expect(bench.openAlerts.contains(kind), "the key in force says nothing of it")
  }

  @Test("is said not to be asked for, or not to be checked, until it is")
  func outage() throws {
    var bench = try almostChanged()
    let subject = CoordinatorCore.subject(of: Bench.key, in: Bench.project)
    func open(_ bench: Bench) -> [AlertKind] {
      bench.core.alerts.filter { $0.closedAt == nil && $0.subject == subject }.map(\.kind)
    }
    bench.formerVerdict(.unreachable(.network, detail: "no route"))
    #expect(open(bench).isEmpty)
    bench.pass(.seconds(5))
    bench.formerVerdict(.unreachable(.network, detail: "no route"))
    bench.pass(.seconds(5))
    #expect(open(bench) == [.kmsUnreachable])
    bench.take(bench.core.onCheckFailed(Bench.project, settingsVersion: 1, why: "no secret", now: bench.now))
    #expect(Set(open(bench)) == [.kmsUnreachable, .keyNotChecked])
    bench.formerVerdict(.valid)
    #expect(open(bench).isEmpty)
  }

  @Test("nothing is decrypted while it is revoked, confirmed or not")
  func decrypt() throws {
    var bench = try almostChanged()
    bench.formerVerdict(Self.disabled)
    #expect(bench.record?.lockout == nil)
    #expect(throws: CoordinatorError.self) {
      try bench.order { core, now throws(CoordinatorError) in try core.decryptCluster(Bench.cluster, now: now) }
    }
    bench.rewrap(3)
    try bench.order { core, now throws(CoordinatorError) in try core.decryptCluster(Bench.cluster, now: now) }
  }
}

@Suite("A multi-Region key that was moved to another region and then replaced")
struct ReplacedReplicaTests {
  private static func settings(_ region: String) -> KMSSettings {
    KMSSettings(
      provider: .aws, keyID: "arn:aws:kms:\(region):111122223333:key/mrk-1", region: region, accessKeyID: "AKIA")
  }
  private static let home = settings("us-east-1")
  private static let replica = settings("eu-west-1")

  /// Two nodes under the key's first region, the second of which is away when the key is moved and replaced.
  private func replaced(movesFirst: Bool) throws -> Bench {
    var bench = try Bench()
    try bench.serve(2)
    try bench.name(Self.home)
    for number in 1...2 {
      bench.encrypt(number)
      bench.change(number) { $0.generation?.customerKeyID = Self.home.keyID }
    }
    bench.followAssignment()
    bench.pass(.seconds(2))
    try bench.name(Self.replica)
    #expect(bench.former.isEmpty || bench.former.allSatisfy { !$0.isNeeded })
    if movesFirst { bench.rewrap(1, under: Self.replica.keyID) }
    try bench.name(Bench.secondSettings)
    return bench
  }

  @Test("is needed until the last node has left it, whatever region a node's wrapping names", arguments: [true, false])
  func needed(movesFirst: Bool) throws {
    var bench = try replaced(movesFirst: movesFirst)
    bench.followAssignment()
    bench.pass(.seconds(2))
    #expect(bench.former.map(\.isNeeded) == [true], "every node has reported, and is under it all the same")
    bench.rewrap(1)
    bench.pass(.seconds(2))
    #expect(bench.former.first?.settings == Self.replica)
    #expect(bench.record?.assignment?.formerKMS?.map(\.settings) == [Self.replica])
    let tree = bench.core.keysTree(of: nil, now: bench.now)
    #expect(tree.customerKeys.first { $0.keyID == Self.home.keyID }?.note?.contains("do not disable") == true)
    for key in [Self.home.keyID, Self.replica.keyID] {
      #expect(throws: CoordinatorError.self) {
        try bench.order { core, now throws(CoordinatorError) in try core.retireKey(key, now: now) }
      }
    }
    bench.rewrap(2)
    bench.pass(.seconds(2))
    #expect(bench.former.map(\.isNeeded) == [false] && bench.record?.assignment?.formerKMS == nil)
    let view = try bench.order { core, now throws(CoordinatorError) in try core.retireKey(Self.home.keyID, now: now) }
    #expect(view.keyID == Self.replica.keyID && view.canBeDeleted && view.retiredAt != nil)
  }

  @Test("is one key in the ledger, with the replicas that something is under")
  func ledger() throws {
    var bench = try replaced(movesFirst: true)
    bench.followAssignment()
    bench.pass(.seconds(2))
    let need = try #require(bench.need[Self.replica.keyID])
    #expect(bench.need.count == 2, "this one, and that in force: nothing was ever under the first")
    #expect(need.replicas == [Self.home.keyID] && need.state == .beingReplaced && !need.canBeDeleted)
    #expect(need.dependents.map(\.subject) == ["node-1", "node-2"])
    #expect(need.dependents.map { $0.detail.hasSuffix("under \(Self.home.keyID)") } == [false, true])
    for number in 1...2 { bench.rewrap(number) }
    let freed = try #require(bench.need[Self.replica.keyID])
    #expect(freed.canBeDeleted && freed.replicas == nil)
  }

  @Test("locks out what is under another replica of it when it is revoked")
  func revoked() throws {
    var bench = try replaced(movesFirst: true)
    bench.followAssignment()
    bench.pass(.seconds(2))
    bench.rewrap(1)
    let disabled = Verdict.revoked(.keyDisabled, detail: "off")
    bench.formerVerdict(disabled)
    bench.formerCheck(2, disabled)
    #expect(bench.record?.lockout?.customerKeyID == Self.replica.keyID)
  }
}

@Suite("Keys in a store that was restored from an older copy")
struct RestoredKeyTests {
  private static let deleted = Verdict.revoked(.keyNotFound, detail: "deleted")

  /// What `body` does is not in the store that is put back; the nodes have run since before.
  private func restore(
    _ bench: inout Bench, before prepare: (inout Bench) throws -> Void = { _ in },
    after body: (inout Bench) throws -> Void
  ) throws {
    try prepare(&bench)
    let copy = bench.disk
    try body(&bench)
    bench.disk = copy
    bench.now = bench.now + .seconds(60)
    try bench.restart()
    bench.take(bench.core.onEpochAhead(Epoch(number: 7, incarnation: 3), own: bench.core.epoch, now: bench.now))
    for node in bench.reports.keys.sorted() {
      guard let report = bench.reports[node] else { continue }
      bench.take(bench.core.onHello(node, report: report, isAheadOfStore: true, now: bench.now))
    }
  }

  /// The key was changed after the copy was made, and node 1 has another master key since.
  private func changed() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try restore(&bench) { bench in
      try bench.name(Bench.secondSettings)
      bench.followAssignment()
      for number in 1...3 { bench.rewrap(number) }
      bench.rotate(1)
    }
    return bench
  }

  @Test("a key that nothing is under any more keeps nobody from naming the one that everything is under")
  func namesTheKeyInUse() throws {
    var bench = try changed()
    bench.pass(.seconds(3))
    bench.verdict(Self.deleted)
    #expect(bench.record?.lockout == nil)
    #expect(bench.core.replaced(by: Bench.secondSettings, in: Bench.project) == nil)
    try bench.name(Bench.secondSettings)
    #expect(bench.core.projectRecords[Bench.project]?.kms == Bench.secondSettings)
  }

  @Test("nothing is put under the key that was left, before an operator adopted what is")
  func changesNothingBack() throws {
    var bench = try changed()
    bench.verdict(.valid)
    bench.pass(.seconds(30))
    #expect(bench.keyChanges.isEmpty)
    try bench.name(Bench.secondSettings)
    try bench.order { core, now throws(CoordinatorError) in
      try core.adopt(withoutMajority: false, by: OperatorName(checked: "ada"), now: now)
    }
    bench.pass(.seconds(5))
    #expect(bench.keyChanges.isEmpty)
  }

  @Test("a lock-out of the copy closes nothing before a check sees the revocation again", arguments: [true, false])
  func oldLockout(isRevoked: Bool) throws {
    func isDisable(_ command: NodeCommand) -> Bool { if case .disable = command.action { true } else { false } }
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try restore(
      &bench,
      before: { bench in
        bench.verdict(Self.deleted)
        bench.check(2, Self.deleted)
        #expect(bench.record?.lockout != nil)
      },
      after: { bench in
        bench.now = bench.now + .seconds(5)
        bench.verdict(.valid)
        for number in 1...3 { bench.check(number, .valid) }
        #expect(bench.record?.lockout == nil)
      })
    #expect(bench.record?.lockout != nil && bench.record?.assignment?.disabledReason == nil)
    bench.pass(.seconds(5))
    #expect(!bench.commands().contains(where: isDisable))
    bench.verdict(isRevoked ? Self.deleted : .valid)
    #expect(bench.commands().contains(where: isDisable) == isRevoked)
    #expect((bench.record?.assignment?.disabledReason != nil) == isRevoked)
    #expect((bench.record?.lockout != nil) == isRevoked)
  }

  @Test("a revocation locks out what was encrypted after the copy was made")
  func encryptedSince() throws {
    var bench = try Bench()
    try bench.serve(3)
    try restore(&bench) { bench in
      for number in 1...3 { bench.encrypt(number) }
      // They were restarted since, so that nobody believes their keystores.
      for number in 1...3 { bench.reports[Bench.node(number)]?.boot = .random() }
    }
    bench.pass(CoordinatorLimits.returnWindow + .seconds(3))
    #expect(bench.core.nodeRecords[Bench.node(2)]?.distrust != nil)
    bench.verdict(Self.deleted)
    bench.check(2, Self.deleted)
    #expect(bench.record?.lockout?.customerKeyID == Bench.key)
  }
}
