// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("What is stored can be read back, or is refused")
struct RecordTests {
  @Test("reads every kind of record back as it was")
  func roundTrip() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try bench.order { core, now throws(CoordinatorError) in
      try core.addOperator(OperatorName(checked: "root"), publicKey: Bench.publicKey(50), now: now)
    }
    bench.take(
      bench.core.onKeysReport(
        Bench.node(1), keys: [KeyReport(id: KeyID.random(for: .oplog), createdAtMilliseconds: 1)], now: bench.now))
    bench.take(
      bench.core.onEpochAhead(Epoch(number: 9, incarnation: 9), own: Epoch(number: 1, incarnation: 1), now: bench.now))
    try bench.order { core, now throws(CoordinatorError) in
      try core.setOwners(["a@example.org"], of: Bench.project, now: now)
    }
    try bench.order { core, now throws(CoordinatorError) in
      try core.createToken(
        for: NodeName(checked: "later"), cluster: nil, publicKey: Bench.publicKey(70), minutes: 60,
        by: OperatorName(checked: "root"), now: now)
    }
    try bench.order { core, now throws(CoordinatorError) in try core.setMailServer(MailTests.server, now: now) }
    bench.verdict(.revoked(.keyDisabled, detail: "off"))
    bench.check(1, .revoked(.keyDisabled, detail: "off"))
    for (key, record) in bench.disk {
      #expect(try StateRecord(key: key, json: record.json()) == record)
    }
    #expect(Set(bench.disk.keys.map(\.kind)) == Set(RecordKind.allCases))
    try bench.restart()
    #expect(bench.core.clusters.first?.lockout != nil)
  }

  @Test("refuses garbage and records under another id")
  func garbage() throws {
    let key = RecordKey(kind: .project, id: "shop")
    for json in ["", "{}", "[1]", "{\"name\":\"../x\"}", String(repeating: "[", count: 5000)] {
      #expect(throws: CoordinatorError.self) { try StateRecord(key: key, json: Array(json.utf8)) }
    }
    let record = StateRecord.project(
      ProjectRecord(name: Bench.project, owners: [], createdAt: Instant(milliseconds: 1)))
    let other = RecordKey(kind: .project, id: "other")
    #expect(throws: CoordinatorError.self) { try StateRecord(key: other, json: record.json()) }
  }

  @Test("does not start from records that contradict one another", arguments: [RecordKind.project, .node, .cluster])
  func contradictions(missing: RecordKind) throws {
    var bench = try Bench()
    try bench.serve(2)
    bench.disk = bench.disk.filter { $0.key.kind != missing }
    #expect(throws: CoordinatorError.self) { try bench.restart() }
  }

  @Test("computes with moments at the ends of time")
  func moments() {
    let latest = Instant(milliseconds: .max)
    let earliest = Instant(milliseconds: .min)
    #expect(latest + .seconds(1) == latest)
    #expect(earliest - .seconds(1) == earliest)
    #expect(latest - earliest > .seconds(1))
    #expect(earliest - latest < .zero)
    #expect(Instant(milliseconds: 0) + .seconds(Int64.max) == latest)
  }

  @Test("makes identifiers that are UUIDs of version 4 and differ")
  func identifiers() {
    var source = IdentifierSource(high: 0, low: 0)
    var seen: Set<String> = []
    for _ in 0..<1000 {
      let text = source.uuid()
      #expect((try? PlanID(text))?.text == text)
      #expect(text.dropFirst(14).first == "4" && "89ab".contains(text.dropFirst(19).first ?? "x"))
      seen.insert(text)
    }
    #expect(seen.count == 1000)
  }
}
