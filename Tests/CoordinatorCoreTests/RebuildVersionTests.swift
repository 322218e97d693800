// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

/// Processes and agents of different ages beside each other.
extension RebuildTests {
  @Test("where processes are known at all, none is adopted that no majority was told of, also not by its epoch")
  func noMajority() throws {
    let node = Bench.node(2)
    let stories: [(distrusted: [NodeName], change: (inout MembershipReport, NodeName) -> Void)] = [
      // The coordinator knew no process of it.
      ([node], { word, _ in word.boots?[node] = nil }),
      // One alone says so.
      ([node], { word, witness in if witness != Bench.node(1) { word.boots?[node] = nil } }),
      // Each was told of another one.
      ([node], { word, witness in if witness != Bench.node(1) { word.boots?[node] = BootDigest(of: .random()) } }),
      // One agent keeps processes, the others are older.
      ((1...3).map { Bench.node($0) }, { word, witness in if witness != node { word.boots = nil } }),
    ]
    for story in stories {
      var bench = try lost(noticed: true) { report in
        guard var word = report.membership else { return }
        story.change(&word, report.node)
        report.membership = word
      }
      _ = try rebuild(&bench)
      #expect(distrusted(bench) == story.distrusted)
    }
  }

  /// The nodes of a shard that node 4 was joining, some of them with agents that do not know who joins.
  private func joining(older: Set<Int>) throws -> Bench {
    let joining = Bench.node(4)
    func isOlder(_ node: NodeName) -> Bool { older.contains { Bench.node($0) == node } }
    func age(_ report: inout NodeReport) {
      guard isOlder(report.node), var word = report.membership else { return }
      (word.joining, word.boots) = (nil, nil)
      report.membership = word
    }
    var bench = try lost { report in
      report.membership?.members.append(joining)
      report.membership?.joining = joining
      age(&report)
    }
    var report = NodeReport(node: joining, boot: .random(), agentVersion: "test", phase: .awaitingSettings)
    report.membership = (1...3).compactMap { bench.reports[Bench.node($0)]?.membership }.max { left, _ in
      left.joining == nil
    }
    age(&report)
    bench.reports[joining] = report
    try enroll(4, in: &bench)
    return bench
  }

  @Test(
    "agents that do not know who joins contradict nobody, and go along with a majority that does",
    arguments: [
      ([3], true), ([4], true), ([3, 4], true), ([2, 3], false), ([1, 2, 4], false), ([1, 2, 3, 4], false),
    ]
      as [(Set<Int>, Bool)])
  func versions(_ older: Set<Int>, joins: Bool) throws {
    var bench = try joining(older: older)
    #expect(bench.core.rebuildView(now: bench.now).clusters.map(\.hindrance) == [nil])
    _ = try rebuild(&bench)
    let record = try #require(bench.record)
    #expect(record.joining == (joins ? Bench.node(4) : nil))
    #expect(record.nodes == (1...(joins ? 3 : 4)).map { Bench.node($0) })
  }

  @Test("one node can't have another taken for one that joins, and who knows and disagrees contradicts")
  func falseJoining() throws {
    var alone = try lost { report in
      if report.node == Bench.node(1) {
        report.membership?.joining = Bench.node(2)
      } else {
        report.membership?.boots = nil
      }
    }
    _ = try rebuild(&alone)
    #expect(alone.record?.joining == nil && alone.record?.nodes.count == 3)
    let split = try lost { report in
      if report.node == Bench.node(1) { report.membership?.joining = Bench.node(2) }
      if report.node == Bench.node(3) { report.membership?.boots = nil }
    }
    #expect(split.core.rebuildView(now: split.now).clusters.first?.hindrance?.contains("contradict") == true)
  }
}
