// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Nodes under a key that was named after the coordinator's copy was made")
struct UnknownKeyTests {
  /// The copy knows the first key; two nodes are under the second and have run since, the third died before the change.
  private func restored() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let copy = bench.disk
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    for number in 1...2 { bench.rewrap(number) }
    bench.reports[Bench.node(3)] = nil
    bench.disk = copy
    bench.now = bench.now + .seconds(60)
    try bench.restart()
    bench.take(bench.core.onEpochAhead(Epoch(number: 7, incarnation: 3), own: bench.core.epoch, now: bench.now))
    for number in 1...2 {
      guard let report = bench.reports[Bench.node(number)] else { continue }
      bench.take(bench.core.onHello(Bench.node(number), report: report, isAheadOfStore: true, now: bench.now))
    }
    bench.pass(.seconds(2))
    return bench
  }

  private func adopt(_ bench: inout Bench) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.adopt(withoutMajority: false, by: OperatorName(checked: "ada"), now: now)
    }
    bench.pass(.seconds(5))
  }

  @Test(
    "may be named again although the copy's key is revoked and a node is away that had it", arguments: [true, false])
  func namesAgain(isAdopted: Bool) throws {
    var bench = try restored()
    if isAdopted { try adopt(&bench) }
    bench.verdict(.revoked(.keyPendingDeletion, detail: "soon"))
    #expect(bench.core.replaced(by: Bench.secondSettings, in: Bench.project) == nil)
    let third = KMSSettings(provider: .aws, keyID: Bench.key + "3", region: "eu-central-1", accessKeyID: "AKIAEXAMPLE")
    #expect(throws: CoordinatorError.self) { try bench.name(third) }
    try bench.name(Bench.secondSettings)
    #expect(bench.core.projectRecords[Bench.project]?.kms == Bench.secondSettings)
    #expect(!bench.openAlerts.contains(.keyUnknown))
    #expect(bench.former.map(\.isNeeded) == [true], "the node that is away is under the first, as far as is known")
  }

  @Test("are put under the copy's key by nobody but an operator who names it again")
  func notBack() throws {
    var bench = try restored()
    #expect(bench.openAlerts.contains(.keyUnknown))
    try adopt(&bench)
    bench.verdict(.valid)
    bench.pass(.seconds(30))
    #expect(bench.keyChanges.isEmpty)
    let alert = try #require(bench.core.alerts.first { $0.kind == .keyUnknown && $0.closedAt == nil })
    #expect(alert.subject == "orders" && alert.text.contains("node-1, node-2 are under the key \(Bench.secondKey)"))
    #expect(alert.next?.contains("keyfold kms set shop --key \(Bench.secondKey)") == true)
    try bench.name(Bench.settings)
    let plan = try #require(bench.keyChanges.first)
    #expect(plan.isOpen && Set(plan.steps.map(\.node)) == [Bench.node(1), Bench.node(2)])
    #expect(!bench.openAlerts.contains(.keyUnknown))
  }

  @Test("stay where they are when their key is named again")
  func stay() throws {
    var bench = try restored()
    try adopt(&bench)
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    bench.pass(.seconds(5))
    let asked = bench.keyChanges.flatMap(\.steps).compactMap(\.node)
    #expect(Set(asked).isSubset(of: [Bench.node(3)]))
    #expect(!bench.actions.contains { if case .rewrapMasterKey = $0 { true } else { false } })
  }
}
