// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A trouble with a key is told from a flap, explained, and ends by itself")
struct KeyTroubleTests {
  static let disabled = Verdict.revoked(.keyDisabled, detail: "the key is disabled; request id 7")
  static let down = Verdict.unreachable(.network, detail: "no route to kms:443")

  static func encrypted(owners: [String] = []) throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try bench.order { core, now throws(CoordinatorError) in try core.setOwners(owners, of: Bench.project, now: now) }
    bench.pass(.seconds(10))
    bench.verdict(.valid)
    bench.pass(.seconds(1))
    return bench
  }

  private func kms(_ bench: Bench) throws -> KMSView {
    try #require(bench.core.kmsView(of: bench.core.project(named: Bench.project)))
  }

  @Test("one check that could not ask changes nothing; a second one in a row opens the alert, a valid one closes it")
  func flap() throws {
    var bench = try Self.encrypted()
    bench.verdict(Self.down)
    #expect(bench.openAlerts.isEmpty)
    bench.pass(.seconds(1))
    bench.verdict(.valid)
    bench.pass(.seconds(1))
    bench.verdict(Self.down)
    #expect(bench.openAlerts.isEmpty, "two flaps with a valid check between are no outage")
    bench.pass(.seconds(1))
    bench.verdict(Self.down)
    #expect(bench.openAlerts == [.kmsUnreachable])
    #expect(bench.core.alertViews.first?.title == "KMS network access denied")
    #expect(bench.core.alertViews.first?.next?.contains("keyfold kms check shop") == true)
    bench.pass(.seconds(1))
    bench.verdict(.valid)
    #expect(bench.openAlerts.isEmpty)
    #expect(bench.core.pastAlertViews.first?.until != nil)
  }

  @Test(
    "a check that says nothing opens an alert at once and is made again soon; any verdict and new settings close it")
  func notChecked() throws {
    var bench = try Self.encrypted()
    let version = try bench.core.project(named: Bench.project).settingsVersion
    bench.take(try bench.core.checkKMS(Bench.project, now: bench.now).directives)
    bench.take(bench.core.onCheckFailed(Bench.project, settingsVersion: version + 1, why: "old", now: bench.now))
    #expect(bench.openAlerts.isEmpty, "a check of other settings says nothing of these")
    for end in [Verdict.valid, Self.down, nil] {
      bench.take(bench.core.onCheckFailed(Bench.project, settingsVersion: version, why: "corrupt", now: bench.now))
      #expect(bench.openAlerts == [.keyNotChecked])
      #expect(bench.core.alertViews.first?.text.contains("corrupt") == true)
      bench.check(2, .valid)
      #expect(bench.openAlerts == [.keyNotChecked], "a node's check is not the coordinator's")
      bench.pass(CoordinatorLimits.troubledCheckInterval + .seconds(1))
      #expect(bench.last.contains { if case .checkKMS = $0 { true } else { false } })
      if let end { bench.verdict(end) } else { try bench.proveKMS() }
      #expect(bench.openAlerts.isEmpty)
      bench.pass(.seconds(1))
    }
  }

  @Test("counts a node's checks the same way, and each of them once however often it is reported")
  func nodeFlap() throws {
    var bench = try Self.encrypted()
    bench.check(2, Self.down)
    bench.pass(.seconds(30))
    #expect(bench.openAlerts.isEmpty)
    bench.check(2, Self.down)
    #expect(bench.openAlerts == [.kmsUnreachable])
    bench.check(2, Self.disabled)
    #expect(!bench.openAlerts.contains(.kmsUnreachable), "a refusal is an answer")
  }

  @Test("opens no alert a project does not want, closes it when turned off, and opens it when turned on again")
  func muted() throws {
    var bench = try Self.encrypted()
    func set(_ isOn: Bool) throws {
      try bench.order { core, now throws(CoordinatorError) in
        try core.setAlerts(Bench.project, kmsNetworkAccessDenied: isOn, now: now)
      }
    }
    try set(false)
    for _ in 0..<3 {
      bench.pass(.seconds(1))
      bench.verdict(Self.down)
      bench.check(1, Self.down)
    }
    #expect(bench.openAlerts.isEmpty)
    #expect(bench.core.view(of: try bench.core.project(named: Bench.project)).kmsNetworkAccessDenied == false)
    try set(true)
    #expect(bench.openAlerts == [.kmsUnreachable, .kmsUnreachable])
    try bench.restart()
    try set(false)
    #expect(bench.openAlerts.isEmpty)
  }

  @Test("says what was refused, by whom, who saw it first and when, and what to do; a restart forgets nothing of it")
  func explained() throws {
    var bench = try Self.encrypted()
    let first = bench.now
    bench.check(3, Self.disabled)
    bench.pass(.seconds(2))
    bench.verdict(Self.disabled)
    bench.pass(.seconds(70))
    bench.verdict(Self.disabled)
    try bench.restart()
    let view = try kms(bench)
    let trouble = try #require(view.trouble)
    #expect(trouble.verdict == "revoked" && trouble.reason == "keyDisabled")
    #expect(trouble.refused.contains("request id 7"))
    #expect(trouble.by.contains("aws") && trouble.by.contains("eu-central-1"))
    #expect(trouble.firstSeenBy == "node-3" && trouble.firstSeenAt?.milliseconds == first.milliseconds)
    #expect(trouble.checks == 2)
    #expect(trouble.next.contains("Enable the key"))
    #expect(view.vantagePoints?.map(\.name) == ["coordinator", "node-1", "node-2", "node-3"])
    let cluster = try bench.core.view(of: #require(bench.record), now: bench.now)
    #expect(cluster.state == "disabled" && cluster.disabledSince != nil && cluster.next == trouble.next)
    bench.verdict(.valid)
    #expect(try kms(bench).trouble == nil)
  }

  @Test("shows a node's check of before as long as its new process has made none, and decides nothing by it")
  func formerLife() throws {
    var bench = try Self.encrypted()
    bench.check(1, Self.disabled)
    let node = Bench.node(1)
    let checkedAt = try #require(bench.reports[node]?.lastCheck?.startedAtMilliseconds)
    bench.reports[node]?.boot = .random()
    bench.reports[node]?.lastCheck = nil
    bench.hello(node)
    bench.pass(.seconds(5))
    func shown() throws -> (CheckView?, CheckView?) {
      let point = try kms(bench).vantagePoints?.first { $0.name == node.text }
      return (point?.check, bench.core.view(of: try #require(bench.core.nodeRecords[node]), now: bench.now).lastCheck)
    }
    let (point, view) = try shown()
    #expect(point?.verdict == "revoked" && point?.checkedAt?.milliseconds == checkedAt)
    #expect(view?.verdict == "revoked" && view?.checkedAt?.milliseconds == checkedAt)
    #expect(bench.core.knownCheck(node, of: Bench.project) == nil)
    bench.check(1, .valid)
    #expect(try shown().0?.verdict == "valid" && shown().1?.verdict == "valid")
    // Of other settings it says nothing.
    try bench.proveKMS()
    #expect(try shown().0 == nil && shown().1 != nil)
  }

  @Test("an outage between does not forget who saw the revocation first; a valid check does")
  func outageBetween() throws {
    var bench = try Self.encrypted()
    let first = bench.now
    bench.check(3, Self.disabled)
    bench.verdict(Self.disabled)
    for verdict in [Self.down, Self.down, Self.disabled] {
      bench.pass(.seconds(60))
      bench.verdict(verdict)
      try bench.restart()
    }
    let trouble = try #require(try kms(bench).trouble)
    #expect(trouble.firstSeenBy == "node-3" && trouble.firstSeenAt?.milliseconds == first.milliseconds)
    bench.verdict(.valid)
    bench.pass(.seconds(60))
    bench.verdict(Self.disabled)
    #expect(try #require(try kms(bench).trouble?.firstSeenAt).milliseconds > first.milliseconds + 200_000)
  }

  @Test("every reason has an advice of its own that names a command or the provider")
  func advice() {
    let project = Bench.project
    for reason in RevocationReason.allCases {
      #expect(CoordinatorCore.advice(reason, project: project).contains("keyfold kms"))
    }
    for reason in OutageReason.allCases {
      #expect(CoordinatorCore.advice(reason, project: project).contains("keyfold kms"))
    }
  }

  @Test("an outage after a revocation does not claim that nothing is closed", arguments: [false, true])
  func closedMeanwhile(isRevokedBefore: Bool) throws {
    var bench = try Self.encrypted()
    if isRevokedBefore {
      bench.check(3, Self.disabled)
      bench.verdict(Self.disabled)
      #expect(bench.record?.lockout != nil)
    }
    bench.pass(.seconds(60))
    bench.verdict(Self.down)
    let next = try #require(try kms(bench).trouble?.next)
    #expect(next.contains("stays closed until a check finds the key valid") == isRevokedBefore, "\(next)")
    #expect(next.contains("Nothing is closed meanwhile") != isRevokedBefore, "\(next)")
  }

  @Test("try-again checks the key from everywhere at once, and refuses a cluster it does not know")
  func tryAgain() throws {
    var bench = try Self.encrypted()
    bench.pass(.seconds(5))
    let project = try bench.order { core, now throws(CoordinatorError) in
      try core.tryAgain(Bench.cluster, now: now)
    }
    #expect(project == Bench.project)
    #expect(bench.last.contains(.checkKMS(Bench.project, settingsVersion: 1, renewing: true)))
    #expect(bench.commands().map(\.action) == [.checkKMS, .checkKMS, .checkKMS])
    #expect(throws: CoordinatorError.self) { try bench.core.tryAgain(ClusterName(checked: "none"), now: bench.now) }
  }

  @Test("takes the replica of a multi-Region key in another region for the same key, and no other")
  func multiRegion() {
    let one = "arn:aws:kms:eu-central-1:111122223333:key/mrk-0123456789abcdef"
    #expect(CustomerKey.isSame(one, one))
    #expect(CustomerKey.isSame(one, "arn:aws:kms:us-east-1:111122223333:key/mrk-0123456789abcdef"))
    #expect(!CustomerKey.isSame(one, "arn:aws:kms:us-east-1:999922223333:key/mrk-0123456789abcdef"))
    #expect(!CustomerKey.isSame(one, "arn:aws:kms:us-east-1:111122223333:key/mrk-0123456789abcdee"))
    #expect(!CustomerKey.isSame(one, "arn:aws-cn:kms:us-east-1:111122223333:key/mrk-0123456789abcdef"))
    #expect(
      !CustomerKey.isSame(
        "arn:aws:kms:eu-central-1:111122223333:key/1", "arn:aws:kms:us-east-1:111122223333:key/1"))
    #expect(!CustomerKey.isSame("", "x"))
  }
}
