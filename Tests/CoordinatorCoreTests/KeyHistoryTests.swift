// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("The audit record says what became of every key")
struct KeyHistoryTests {
  private func entries(_ bench: Bench, _ action: String, on subject: String) -> [AuditEntry] {
    bench.auditTrail.filter { $0.action == action && $0.subject == subject }
  }

  @Test("which master key took the place of which, with check values, version and customer key")
  func rotation() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    #expect(entries(bench, "generation replaced", on: "node-1").count == 1, "its encryption")
    let before = try #require(bench.reports[Bench.node(1)]?.generation)
    let id = try bench.order { core, now throws(CoordinatorError) in
      try core.rotateMasterKeys(Bench.cluster, now: now)
    }
    for _ in 1...3 {
      bench.pass(.seconds(2))
      let asked = try bench.plan(id).steps.first { $0.state == .running }?.node
      bench.rotate(try #require((1...3).first { Bench.node($0) == asked }))
    }
    bench.pass(.seconds(2))
    #expect(try bench.plan(id).outcome == .succeeded)
    let after = try #require(bench.reports[Bench.node(1)]?.generation)
    let entry = try #require(entries(bench, "master key replaced", on: "node-1").first)
    for text in [
      try #require(before.masterKeyID?.text), "check value c0ffee01", "keystore version 1",
      try #require(after.masterKeyID?.text), "check value beef1", "keystore version 2", Bench.key, after.id.text,
    ] { #expect(entry.detail.contains(text)) }
    #expect(entries(bench, "master key replaced", on: "node-2").count == 1)
    #expect(entries(bench, "plan made", on: "orders").first?.detail.contains(id.text) == true)
    #expect(entries(bench, "plan ended", on: "orders").first?.detail == "rotate master keys, plan \(id): succeeded")
    bench.pass(.seconds(60))
    #expect(entries(bench, "master key replaced", on: "node-1").count == 1, "a heartbeat is no news")
  }

  @Test("which node was put under which customer key, and that a change was superseded")
  func change() throws {
    var bench = try Bench()
    try bench.serve(2, encrypted: true)
    try bench.name(Bench.secondSettings)
    bench.followAssignment()
    bench.pass(.seconds(2))
    bench.rewrap(2)
    let entry = try #require(entries(bench, "master key wrapped anew", on: "node-2").first)
    #expect(entry.detail.contains("under \(Bench.secondKey); before: ") && entry.detail.hasSuffix(Bench.key))
    try bench.name(Bench.settings)
    #expect(entries(bench, "plan ended", on: "orders").first?.detail.contains("superseded: the project's key") == true)
  }

  @Test("that a generation is gone with its keys, but not what never had any")
  func generations() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    let old = try #require(bench.reports[Bench.node(1)]?.generation)
    bench.change(1) {
      $0.otherGenerations = [old]
      $0.generation?.id = GenerationID.random()
      $0.generation?.masterKeyID = MasterKeyID.random()
    }
    #expect(entries(bench, "generation replaced", on: "node-1").count == 2)
    #expect(entries(bench, "generation gone", on: "node-1").isEmpty)
    bench.change(1) { $0.otherGenerations = nil }
    #expect(entries(bench, "generation gone", on: "node-1").map { $0.detail.contains(old.id.text) } == [true])
  }

  @Test("that keys below the master key were made, once an hour")
  func databaseKeys() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    for _ in 1...50 { bench.change(1) { $0.generation?.keystoreVersion += 1 } }
    #expect(entries(bench, "keystore changed", on: "node-1").isEmpty)
    bench.now = bench.now + CoordinatorLimits.keyChangesSpan
    bench.pass(.seconds(2))
    let summed = entries(bench, "keystore changed", on: "node-1")
    #expect(summed.count == 1)
    #expect(summed.first?.detail.contains("since keystore version 1; ") == true)
    #expect(summed.first?.detail.contains("keystore version 51") == true)
  }

  @Test("but not each change of a node that changes its mind all the time")
  func flood() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    let before = bench.auditTrail.count
    for _ in 1...500 {
      bench.change(1) {
        $0.generation?.id = GenerationID.random()
        $0.generation?.masterKeyID = MasterKeyID.random()
      }
    }
    #expect(bench.auditTrail.count - before <= CoordinatorLimits.keyChangesKept)
    bench.now = bench.now + CoordinatorLimits.keyChangesSpan
    bench.pass(.seconds(2))
    let last = try #require(bench.reports[Bench.node(1)]?.generation)
    let summed = try #require(entries(bench, "keystore changed", on: "node-1").first)
    #expect(summed.detail.contains("more changes of its keys") && summed.detail.contains(last.id.text))
  }

  @Test("what a customer key's verdict became, also without a lock-out, and nothing of an outage")
  func verdicts() throws {
    var bench = try Bench()
    try bench.serve(1)
    func look(_ verdict: Verdict) {
      bench.pass(.seconds(1))
      bench.verdict(verdict)
    }
    look(.valid)
    look(.revoked(.keyPendingDeletion, detail: "in 7 days"))
    look(.revoked(.keyPendingDeletion, detail: "in 6 days"))
    look(.unreachable(.network, detail: "gone"))
    look(.revoked(.keyPendingDeletion, detail: "in 6 days"))
    look(.valid)
    let found = entries(bench, "kms key state", on: Bench.key).reversed().map(\.detail)
    #expect(
      Array(found) == [
        "project shop: revoked (keyPendingDeletion): in 7 days; before: valid",
        "project shop: valid; before: revoked (keyPendingDeletion)",
      ])
    #expect(bench.record?.lockout == nil)
  }
}
