// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("A cluster of real processes that somebody breaks on purpose", .serialized) struct ChaosTests {
  /// What `deploy/chaos` asks for; nothing in an ordinary run of the tests.
  static let seconds = ProcessInfo.processInfo.environment["KEYFOLD_CHAOS_SECONDS"].flatMap(Int.init)

  @Test(
    "loses nothing, applies nothing twice and agrees in the end: three nodes", .timeLimit(.minutes(15)),
    .enabled(if: seconds == nil), arguments: [11, 12] as [UInt64])
  func three(seed: UInt64) async throws {
    try await ChaosRun(seed: seed, nodes: 3, time: .seconds(60)).run()
  }

  @Test(
    "loses nothing, applies nothing twice and agrees in the end: five nodes", .timeLimit(.minutes(15)),
    .enabled(if: seconds == nil))
  func five() async throws {
    try await ChaosRun(seed: 21, nodes: 5, time: .seconds(60)).run()
  }

  /// Rounds with one seed after the other until the time is up, half of them with five nodes.
  @Test("stands as long as was asked for", .enabled(if: seconds != nil))
  func asked() async throws {
    let settings = ProcessInfo.processInfo.environment
    let end = ContinuousClock.now + .seconds(Self.seconds ?? 0)
    var seed = settings["KEYFOLD_CHAOS_SEED"].flatMap(UInt64.init) ?? 1
    let nodes = settings["KEYFOLD_CHAOS_NODES"].flatMap(Int.init)
    while ContinuousClock.now < end {
      let left = min(end - .now, .seconds(120))
      let run = ChaosRun(seed: seed, nodes: nodes ?? (seed % 2 == 0 ? 5 : 3), time: left, say: Self.tell)
      Self.tell("seed \(seed), \(run.nodes) nodes, \(left)")
      try await run.run()
      seed += 1
    }
  }

  @Test("the checker notices what is lost, what is applied twice and what nobody wrote", .timeLimit(.minutes(15)))
  func checker() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      let workload = try await DriverWorkload(cluster)
      let writers = try await workload.start(seed: 1)
      _ = try await eventually("writes of every kind") { workload.acknowledged > 500 ? true : nil }
      try await workload.stop(writers)
      #expect(try await workload.check(within: .seconds(10)).passed)

      let client = try await cluster.client(cluster.nodes[0])
      try client.succeed([
        "delete": "log", "$db": "chaos", "deletes": [["q": ["_id": "0:3"], "limit": 1]],
      ])
      #expect(
        try await workload.check(within: .seconds(10)).report.contains("acknowledged documents are lost: ['0:3']"))
      try client.succeed(["insert": "log", "$db": "chaos", "documents": [["_id": "0:3", "text": "another text"]]])
      #expect(try await workload.check(within: .seconds(10)).report.contains("other contents: ['0:3']"))
      try client.succeed(["insert": "churn", "$db": "chaos", "documents": [["_id": "3:1", "text": ""]]])
      #expect(try await workload.check(within: .seconds(10)).report.contains("must not be: ['3:1']"))
      let again: Document = ["$inc": ["balances.1": 5, "balances.2": -5, "transfers.4-0": 1]]
      try client.succeed(["update": "pages", "$db": "bank1", "updates": [["q": ["_id": 1], "u": .document(again)]]])
      #expect(try await workload.check(within: .seconds(10)).report.contains("applied more than once: ['4-0']"))
    }
  }

  @Sendable static func tell(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
}
