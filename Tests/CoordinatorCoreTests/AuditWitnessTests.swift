// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Nodes as witnesses of the audit record")
struct AuditWitnessTests {
  private let node = Bench.node(1)
  private let head = AuditHead(sequence: 7, hash: .none)

  private func told(_ directives: [CoordinatorDirective]) -> [AuditHead?] {
    directives.compactMap { if case .tellAuditHead(_, let replaced) = $0 { .some(replaced) } else { nil } }
  }

  private func witness(_ bench: inout Bench, contradiction: String? = nil) {
    bench.take(bench.core.onAuditWitness(node, head: head, contradiction: contradiction, now: bench.now))
  }

  @Test("are told only after they said what they know, then once a minute as long as the record goes on")
  func told() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.pass(.seconds(5))
    #expect(told(bench.last).isEmpty)
    witness(&bench)
    bench.pass(.seconds(5))
    #expect(told(bench.last) == [nil])
    bench.pass(.seconds(200))
    #expect(told(bench.last).isEmpty, "nothing new was recorded")
    bench.core.audit(
      AuditEntry(at: OperatorTime(milliseconds: 0), by: .coordinator, action: "a", subject: "s", detail: "d"),
      now: bench.now)
    bench.pass(.seconds(200))
    #expect(told(bench.last) == [nil])
  }

  @Test("can't fill the record by changing their minds")
  func flood() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    for round in 0..<100 {
      bench.hello(node)
      witness(&bench, contradiction: round % 2 == 0 ? "another entry" : nil)
    }
    #expect(bench.decisions.count == 1)
    #expect(bench.core.alerts.filter { $0.kind == .auditContradicted }.count == 1)
  }

  @Test("that contradict are an alert and an entry, and are told nothing before an operator answers for it")
  func contradiction() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    witness(&bench, contradiction: "the record here ends before it")
    #expect(bench.auditTrail.first?.by == .node(node) && bench.auditTrail.first?.detail.contains("entry 7") == true)
    #expect(bench.core.alerts.contains { $0.kind == .auditContradicted && $0.closedAt == nil })
    witness(&bench, contradiction: "the record here ends before it")
    #expect(bench.decisions.count == 1, "the same again is nothing new")
    bench.pass(.seconds(200))
    #expect(told(bench.last).isEmpty)

    _ = try bench.order { core, now throws(CoordinatorError) in
      try core.adopt(withoutMajority: false, by: OperatorName(checked: "root"), now: now)
    }
    #expect(told(bench.last) == [head])
    #expect(bench.auditTrail.first?.action == "coordinator adopt")
    bench.take(bench.core.onAuditWitness(node, head: .empty, contradiction: nil, now: bench.now))
    #expect(bench.core.alerts.contains { $0.kind == .auditContradicted && $0.closedAt == nil }, "not before it is seen")
    bench.pass(.seconds(65))
    #expect(bench.core.alerts.allSatisfy { $0.kind != .auditContradicted || $0.closedAt != nil })
  }
}

@Suite("The beginning of the audit record")
struct AuditBeginningTests {
  private let removal = "entries 1 to 40 were removed"

  private func start(_ bench: inout Bench, _ removal: String?) {
    bench.take(bench.core.onAuditBeginning(removal: removal, now: bench.now))
  }

  @Test("that somebody removed is an alert and an entry, over every start, until an operator answers for it")
  func removed() throws {
    var bench = try Bench()
    try bench.serve(1)
    start(&bench, nil)
    #expect(!bench.openAlerts.contains(.auditContradicted))
    start(&bench, removal)
    #expect(bench.auditTrail.first?.action == "audit contradicted")
    try bench.restart()
    start(&bench, removal)
    #expect(bench.openAlerts.filter { $0 == .auditContradicted }.count == 1)
    #expect(bench.auditTrail.filter { $0.action == "audit contradicted" }.count == 1)
    bench.hello(Bench.node(1))
    bench.pass(.seconds(200))
    #expect(bench.openAlerts.contains(.auditContradicted), "time heals nothing")
    try bench.order { core, now throws(CoordinatorError) in
      try core.adopt(withoutMajority: false, by: OperatorName(checked: "ada"), now: now)
    }
    #expect(!bench.openAlerts.contains(.auditContradicted))
    #expect(bench.decisions.contains { $0.detail.contains(removal) })
    start(&bench, removal)
    #expect(!bench.openAlerts.contains(.auditContradicted), "it was answered for")
    start(&bench, "entries 1 to 50 were removed")
    #expect(bench.openAlerts.contains(.auditContradicted))
  }

  @Test("goes by itself only when as many entries as are kept stand behind it")
  func rule() {
    func head(_ sequence: UInt64) -> AuditHead { AuditHead(sequence: sequence, hash: .none) }
    #expect(head(0).removal(before: head(0), retained: 10) == nil)
    #expect(head(0).removal(before: head(5), retained: 10) == nil)
    #expect(head(40).removal(before: head(50), retained: 10) == nil)
    #expect(head(40).removal(before: head(49), retained: 10)?.contains("1 to 40") == true)
    #expect(head(40).removal(before: head(3), retained: 10) != nil)
    #expect(head(.max).removal(before: head(0), retained: .max) != nil)
  }
}
