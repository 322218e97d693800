// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Uses of KMS keys in the audit record")
struct KeyUseTests {
  private let node = Bench.node(1)
  private let boot = BootID.random()

  private func report(_ numbers: ClosedRange<Int>, boot: BootID? = nil, lostBefore: UInt64 = 0) -> KeyUseReport {
    KeyUseReport(
      boot: boot ?? self.boot,
      uses: numbers.map { number in
        NumberedKeyUse(
          number: UInt64(number), lostBefore: number == numbers.lowerBound ? lostBefore : 0,
          use: KeyUse(
            provider: .aws, operation: .unwrap, keyID: Bench.key, requestID: "r-\(number)",
            failure: number % 2 == 0 ? "accessDenied" : nil, startedAtMilliseconds: 1000 + Int64(number)))
      })
  }

  private func marks(_ bench: Bench) -> [UInt64] {
    bench.last.compactMap { if case .tellKeyUsesTaken(node, let mark) = $0 { mark.through } else { nil } }
  }

  private func uses(_ bench: Bench) -> [AuditEntry] { bench.auditTrail.filter { $0.action == "kms unwrap" } }

  private func lost(_ bench: Bench) -> [String] {
    bench.auditTrail.filter { $0.action == "kms uses lost" }.map(\.detail)
  }

  @Test("are entries with who, what, which key, how it ended, when and the provider's id")
  func entries() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.take(bench.core.onKeyUses(node, report: report(1...2), now: bench.now))
    #expect(marks(bench) == [2])
    let entries = Array(uses(bench).reversed())
    #expect(entries.map(\.by) == [.node(node), .node(node)] && entries.map(\.subject) == [Bench.key, Bench.key])
    #expect(entries.map(\.detail) == ["aws: done", "aws: failed: accessDenied"])
    #expect(entries.map(\.requestID) == ["r-1", "r-2"] && entries.map(\.at.milliseconds) == [1001, 1002])

    let own = KeyUse(
      provider: .gcp, operation: .wrap, keyID: "k", requestID: "", startedAtMilliseconds: .max)
    bench.take(bench.core.onOwnKeyUse(own, lost: 3, now: bench.now))
    #expect(bench.auditTrail[0].by == .coordinator && bench.auditTrail[0].action == "kms wrap")
    #expect(bench.auditTrail[0].requestID == nil && bench.auditTrail[0].at.milliseconds == bench.now.milliseconds)
    #expect(lost(bench).count == 1)
  }

  @Test("are recorded once, however often they are reported and whoever was restarted meanwhile")
  func once() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.take(bench.core.onKeyUses(node, report: report(1...3), now: bench.now))
    bench.take(bench.core.onKeyUses(node, report: report(1...3), now: bench.now))
    #expect(marks(bench) == [3], "the node is told again: the answer may have been lost")
    #expect(uses(bench).count == 3)
    try bench.restart()
    bench.hello(node)
    bench.take(bench.core.onKeyUses(node, report: report(2...5), now: bench.now))
    #expect(marks(bench) == [5] && uses(bench).count == 5)
    bench.take(bench.core.onKeyUses(node, report: report(1...1, boot: .random()), now: bench.now))
    #expect(uses(bench).count == 6, "another life counts from 1 again")
    bench.take(bench.core.onKeyUses(node, report: report(1...5), now: bench.now))
    #expect(uses(bench).count == 6, "and an earlier one is still known")
  }

  @Test("that were given up are counted, but not those that were recorded before the node heard so")
  func gaps() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.take(bench.core.onKeyUses(node, report: report(4...5, lostBefore: 3), now: bench.now))
    #expect(lost(bench) == ["3 uses of KMS keys before the next entry were not kept"])
    bench.take(bench.core.onKeyUses(node, report: report(8...8, lostBefore: 7), now: bench.now))
    #expect(lost(bench).first == "2 uses of KMS keys before the next entry were not kept")
  }

  @Test("can't fill the record: what a node reports beyond an hour's measure is taken later")
  func flood() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    var next = 1
    for _ in 0..<100 {
      bench.take(bench.core.onKeyUses(node, report: report(next...next + 49), now: bench.now))
      next = Int(marks(bench).last ?? 0) + 1
    }
    #expect(uses(bench).count == CoordinatorLimits.keyUsesAtOnce)
    bench.pass(.seconds(1800))
    for _ in 0..<100 {
      bench.take(bench.core.onKeyUses(node, report: report(next...next + 49), now: bench.now))
      next = Int(marks(bench).last ?? 0) + 1
    }
    #expect(uses(bench).count == CoordinatorLimits.keyUsesAtOnce + CoordinatorLimits.keyUsesPerHour / 2)
    #expect(lost(bench).isEmpty)
    bench.take(bench.core.onKeyUses(Bench.node(2), report: report(1...1), now: bench.now))
    #expect(uses(bench).first?.by == .node(Bench.node(2)), "another node has its own measure")
  }

  @Test("in no order, without a number or of nobody are not taken")
  func hostile() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let sound = report(1...2)
    for uses in [[], Array(sound.uses.reversed()), [sound.uses[0], sound.uses[0]], report(0...0).uses] {
      bench.take(bench.core.onKeyUses(node, report: KeyUseReport(boot: boot, uses: uses), now: bench.now))
      #expect(bench.last.isEmpty)
    }
    bench.take(bench.core.onKeyUses(NodeName(checked: "stranger"), report: sound, now: bench.now))
    #expect(bench.last.isEmpty)
    bench.take(
      bench.core.onKeyUses(
        node, report: KeyUseReport(boot: boot, uses: [sound.uses[0], report(9...9).uses[0]]), now: bench.now))
    #expect(lost(bench).count == 1)
  }
}
