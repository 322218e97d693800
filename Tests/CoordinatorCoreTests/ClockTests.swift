// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("A coordinator whose clock is set back")
struct ClockTests {
  @Test("repeats a command at its intervals, not at every word of a node")
  func repeatsWithPauses() throws {
    var bench = try Bench()
    try bench.serve(3)
    try bench.order { core, now throws(CoordinatorError) in try core.restartCluster(Bench.cluster, now: now) }
    bench.pass(.seconds(3))
    bench.now = bench.now - .seconds(3600)
    bench.pass(.seconds(4))
    var sends = 0
    for _ in 0..<60 {
      bench.pass(.seconds(1))
      sends += bench.commands().count
    }
    #expect((1...20).contains(sends))
  }

  @Test("counts nobody as heard of by words of the future")
  func hearsNobody() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.now = bench.now - .seconds(3600)
    bench.take(bench.core.onTick(now: bench.now))
    #expect(!bench.core.isHeard(Bench.node(2), now: bench.now))
    bench.heartbeat(Bench.node(2))
    #expect(bench.core.isHeard(Bench.node(2), now: bench.now))
  }

  @Test("checks the key at its next interval, not when the clock has caught up")
  func checksTheKey() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.valid)
    bench.now = bench.now - .seconds(86_400)
    bench.pass(.seconds(3))
    let asked = bench.last.contains { if case .checkKMS = $0 { true } else { false } }
    #expect(asked)
  }
}
