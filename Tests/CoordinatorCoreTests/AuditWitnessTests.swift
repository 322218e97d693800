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
