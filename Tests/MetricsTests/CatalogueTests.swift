// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@testable import AgentRuntime
@testable import CoordinatorRuntime
@testable import DocumentServer
@testable import KeyManagement
@testable import LocalKMS
@testable import Metrics
@testable import Replication
@testable import Transport

@Suite("Every metric is in the README, and only those")
struct CatalogueTests {
  /// What each daemon shows.
  private static let daemons: [(name: String, metrics: [Metric])] = [
    (
      "agent",
      AgentMetrics.all + MemberMeasures.all + ServerMeasures.all + KMSMeasures.all + QueueMetrics.all + LinkMetrics.all
        + ProcessMetrics.all
    ),
    (
      "coordinator",
      CoordinatorMetrics.all + KMSMeasures.all + QueueMetrics.all + LinkMetrics.all + ProcessMetrics.all
    ),
    ("local KMS", LocalKMSMeasures.all + [QueueMetrics.items, QueueMetrics.itemLimit] + ProcessMetrics.all),
  ]

  /// The README's table as it has to be.
  static var table: String {
    var shownBy: [Metric: [String]] = [:]
    for daemon in daemons { for metric in daemon.metrics { shownBy[metric, default: []].append(daemon.name) } }
    let rows = shownBy.sorted { $0.key.name < $1.key.name }.map { metric, names in
      let labels = metric.labels.isEmpty ? "" : "{" + metric.labels.joined(separator: ", ") + "}"
      let who = names.count == daemons.count ? "all" : names.joined(separator: ", ")
      return "| `\(metric.name)\(labels)` | \(metric.kind.rawValue) | \(who) | \(metric.help) |"
    }
    return (["| metric | kind | shown by | |", "|---|---|---|---|"] + rows).joined(separator: "\n")
  }

  @Test("is one metric under one name")
  func unique() {
    var known: [String: Metric] = [:]
    for metric in Self.daemons.flatMap(\.metrics) {
      #expect(known[metric.name] == nil || known[metric.name] == metric, "\(metric.name) is two metrics")
      known[metric.name] = metric
    }
    for daemon in Self.daemons { #expect(Set(daemon.metrics).count == daemon.metrics.count, "\(daemon.name)") }
  }

  @Test("stands in the table of the runbook's metrics page word for word")
  func documented() throws {
    let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("deploy/METRICS.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    #expect(text.contains(Self.table + "\n"), "the table has to be:\n\(Self.table)")
  }
}
