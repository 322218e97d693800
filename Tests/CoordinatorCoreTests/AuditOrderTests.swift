// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("The audit record keeps orders and what the coordinator does by itself")
struct AuditOrderTests {
  private let admin = OperatorName(checked: "root")
  private let other = ProjectName(checked: "other")

  private func persisted(_ directives: [CoordinatorDirective]) -> [[RecordChange]] {
    directives.compactMap { if case .persist(let changes) = $0 { changes } else { nil } }
  }

  @Test("an order's entry is in the transaction of its decision, and there is one")
  func together() throws {
    var bench = try Bench()
    let command = OperatorCommand.createProject(name: other, owners: [])
    bench.core.noteOrder(command, by: admin, now: bench.now)
    try bench.order { core, now throws(CoordinatorError) in try core.createProject(other, now: now) }
    let changes = try #require(persisted(bench.last).first)
    #expect(changes.contains { if case .put(.project) = $0 { true } else { false } })
    #expect(changes.contains { if case .append = $0 { true } else { false } })
    #expect(bench.core.onOrder(command, by: admin, refusal: nil, now: bench.now).isEmpty)
    #expect(bench.auditTrail.map(\.detail) == ["taken"] && bench.auditTrail.first?.by == .operatorKey(admin))
  }

  @Test("a refusal takes the place of the order; what nothing was decided for is kept by itself")
  func refusal() throws {
    var bench = try Bench()
    let command = OperatorCommand.createProject(name: other, owners: ["no mail"])
    bench.core.noteOrder(command, by: admin, now: bench.now)
    #expect(throws: CoordinatorError.self) {
      try bench.core.createProject(other, owners: ["no mail"], now: bench.now)
    }
    bench.take(bench.core.onOrder(command, by: admin, refusal: "it is none", now: bench.now))
    #expect(bench.auditTrail.map(\.detail) == ["refused: it is none"])
    let later = OperatorCommand.setKMS(project: other, settings: Bench.settings)
    bench.core.noteOrder(later, by: admin, now: bench.now)
    bench.take(bench.core.onOrder(later, by: admin, refusal: nil, now: bench.now))
    #expect(bench.auditTrail.map(\.detail) == ["taken", "refused: it is none"])
  }

  @Test("of looks that are refused the first of a minute are kept, the others counted, of each operator by itself")
  func looks() throws {
    var bench = try Bench()
    let ada = OperatorName(checked: "ada")
    func look(_ who: OperatorName, _ times: Int) {
      for _ in 0..<times {
        bench.take(bench.core.onRefusedLook(.showPlan(id: "3f"), by: who, refusal: "no role", now: bench.now))
      }
    }
    look(admin, 100)
    look(ada, 1)
    #expect(bench.auditTrail.count == CoordinatorLimits.refusedLooksKept + 1)
    #expect(bench.auditTrail.allSatisfy { $0.action == "plan show" && $0.detail == "refused: no role" })
    bench.pass(CoordinatorLimits.refusedLooksSpan)
    let sums = bench.auditTrail.filter { $0.action == "looks refused" }
    #expect(sums.map(\.subject) == ["root"] && sums.first?.by == .operatorKey(admin))
    #expect(sums.first?.detail == "95 more within a minute, the last of them 'plan show'")
    // The next minute begins anew, also by a look alone and with a clock that was set back.
    bench.auditTrail = []
    look(admin, 7)
    bench.now = bench.now - .seconds(3_600)
    look(admin, 1)
    #expect(bench.auditTrail.map(\.action).filter { $0 == "looks refused" }.count == 1)
    #expect(bench.auditTrail.count == CoordinatorLimits.refusedLooksKept + 2)
  }

  @Test("what the core keeps in its own words gets no second entry, unless it was refused")
  func ownWords() throws {
    var bench = try Bench()
    let command = OperatorCommand.approveNode(name: Bench.node(1))
    bench.core.noteOrder(command, by: admin, now: bench.now)
    bench.take(bench.core.onOrder(command, by: admin, refusal: nil, now: bench.now))
    #expect(bench.auditTrail.isEmpty)
    bench.core.noteOrder(command, by: admin, now: bench.now)
    bench.take(bench.core.onOrder(command, by: admin, refusal: "no such node", now: bench.now))
    #expect(bench.auditTrail.map(\.detail) == ["refused: no such node"])
  }

  @Test("settings in force, settings refused, lock-outs and readmissions are kept with key and reason, each once")
  func byItself() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let encrypted = Array(repeating: "generation replaced", count: 3)
    #expect(bench.auditTrail.map(\.action) == encrypted + ["kms settings in force"])
    #expect(bench.auditTrail.last?.detail == "version 1, key \(Bench.key)")
    bench.take(
      bench.core.onKMSRefused(
        Bench.project, settings: Bench.settings, settingsVersion: 2, why: "not from there", now: bench.now))
    #expect(bench.auditTrail.first?.detail == "version 2, key \(Bench.key): not from there")
    for _ in 0..<2 {
      bench.verdict(.revoked(.keyDisabled, detail: "off"))
      bench.check(2, .revoked(.keyDisabled, detail: "off"))
    }
    #expect(bench.record?.lockout != nil)
    bench.pass(.seconds(1))
    for _ in 0..<2 { bench.verdict(.valid) }
    #expect(bench.record?.lockout == nil)
    #expect(
      bench.auditTrail.map(\.action) == [
        "cluster readmission", "kms key state", "cluster lock-out", "kms key state", "kms settings refused",
      ] + encrypted + ["kms settings in force"])
    for entry in bench.auditTrail where entry.action.hasPrefix("cluster ") {
      #expect(entry.by == .coordinator && entry.subject == Bench.cluster.text && entry.detail.contains(Bench.key))
      #expect(entry.detail.contains("off") && entry.detail.contains("keyDisabled"))
    }
  }
}
