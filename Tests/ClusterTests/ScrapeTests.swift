// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("Metrics of real processes", .serialized, .timeLimit(.minutes(10))) struct ScrapeTests {
  @Test("say what the cluster does, in Prometheus' format, and nothing that is secret")
  func scrape() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try await cluster.underLoad { load in
        try cluster.encrypt()
        try await load.progress(by: 20)
      }
      try cluster.operate("kms", "check", TestCluster.project)
      let documented = try Self.documented()
      var pages = try await Self.nodes(of: cluster)
      for daemon in [cluster.kms, cluster.coordinator] {
        // What is published every second has caught up with what happened.
        pages[daemon.name] = try await eventually("\(daemon.name) shows where it stands") { () -> Page? in
          let page = try await Page(of: daemon)
          let isSettled =
            page.value("keyfold_nodes_connected") ?? 3 == 3
            && page.value("keyfold_plans{state=\"succeeded\"}") ?? 2 == 2
            && page.value("keyfold_plans{state=\"running\"}") ?? 0 == 0
          return isSettled ? page : nil
        }
      }
      for (name, page) in pages {
        for metric in page.metrics { #expect(documented.contains(metric), "\(name) shows \(metric)") }
        #expect(try #require(page.value("process_resident_memory_bytes")) > 1_000_000, "\(name)")
        #expect(!page.text.contains(try DiskScan.secretAccessKey(of: cluster)))
        #expect(!page.text.contains(TestCluster.marker))
      }
      let nodes = cluster.nodes.compactMap { pages[$0.name] }
      // The primary may have changed since it took the writes.
      #expect(nodes.reduce(0) { $0 + ($1.value("keyfold_commit_seconds_count") ?? 0) } >= 20)
      let first = try #require(nodes.first { $0.value("keyfold_raft_takes_writes") == 1 })
      #expect(first.value("keyfold_raft_voters") == 3)
      #expect(first.value("keyfold_raft_role{role=\"primary\"}") == 1)
      #expect(first.text.matches(of: #/keyfold_raft_member_lag_entries\{member="node-\d"\} /#).count == 2)
      #expect(first.value("keyfold_kms_verdict{verdict=\"valid\"}") == 1)
      #expect(try #require(first.value("keyfold_kms_calls_total{operation=\"unwrap\",outcome=\"ok\"}")) >= 1)
      #expect(try #require(first.value("keyfold_sync_copied_documents_total")) > 0)
      #expect(try #require(first.value("keyfold_cache_used_bytes")) > 0)
      let control = try #require(pages["coordinator"])
      #expect(control.value("keyfold_plans{state=\"succeeded\"}") == 2)
      #expect(control.value("keyfold_plans{state=\"running\"}") == 0)
      #expect(try #require(control.value("keyfold_store_write_seconds_count")) > 0)
      let kms = try #require(pages["kms"])
      #expect(
        try #require(kms.value("keyfold_local_kms_calls_total{operation=\"Decrypt\",outcome=\"OK\"}")) >= 3)
    }
  }

  /// What the nodes show once they have caught up with what happened and one of them is primary.
  private static func nodes(of cluster: TestCluster) async throws -> [String: Page] {
    try await eventually("the nodes show where they stand") { () -> [String: Page]? in
      var pages: [String: Page] = [:]
      for node in cluster.nodes { pages[node.name] = try await Page(of: node) }
      let areSettled = pages.values.allSatisfy { page in
        page.value("keyfold_encrypted") == 1 && page.value("keyfold_kms_verdict{verdict=\"valid\"}") == 1
      }
      let primaries = pages.values.count { $0.value("keyfold_raft_takes_writes") == 1 }
      return areSettled && primaries == 1 ? pages : nil
    }
  }

  /// The names in the table of the documentation.
  private static func documented() throws -> Set<String> {
    let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("deploy/METRICS.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    return Set(text.matches(of: #/\| `((?:keyfold|process)_[a-z0-9_]+)/#).map { String($0.1) })
  }
}

/// What one daemon shows.
struct Page {
  let text: String
  /// The names of all metrics.
  let metrics: Set<String>
  private let values: [Substring: Double]

  init(of daemon: Daemon) async throws {
    guard let port = try await daemon.ready()["metrics"] else { throw TestFailure("\(daemon.name) shows no metrics") }
    let client = try WireClient(port: port)
    try client.send(Array("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
    let answer = String(decoding: try client.receiveToEnd(), as: UTF8.self)
    guard answer.hasPrefix("HTTP/1.1 200 "), let end = answer.range(of: "\r\n\r\n") else {
      throw TestFailure("\(daemon.name) answered a scrape with \(answer.prefix(200))")
    }
    text = String(answer[end.upperBound...])
    var values: [Substring: Double] = [:]
    var metrics: Set<String> = []
    for line in text.split(separator: "\n") {
      if let type = try #/# TYPE ([a-z0-9_]+) (?:counter|gauge|histogram)/#.wholeMatch(in: line) {
        metrics.insert(String(type.1))
      } else if let sample = try #/([a-z0-9_]+(?:\{.*\})?) ([-+]?(?:[0-9.e+-]+|Inf)|NaN)/#.wholeMatch(in: line) {
        guard values.updateValue(Double(String(sample.2)) ?? .infinity, forKey: sample.1) == nil else {
          throw TestFailure("\(daemon.name) shows \(sample.1) twice")
        }
      } else if !line.hasPrefix("# HELP ") {
        throw TestFailure("\(daemon.name) shows a line that is none: \(line)")
      }
    }
    self.values = values
    self.metrics = metrics
  }

  /// The value of a series by its whole name, nil if it is not shown.
  func value(_ series: String) -> Double? { values[series[...]] }
}
