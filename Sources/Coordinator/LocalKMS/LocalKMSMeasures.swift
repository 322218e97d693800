// SPDX-License-Identifier: GPL-3.0-or-later

public import Metrics

/// What a local KMS measures.
public struct LocalKMSMeasures: Sendable {
  static let calls = Metric(
    .counter, "keyfold_local_kms_calls_total", labels: ["operation", "outcome"],
    "Calls that the local KMS answered; the outcome is OK or the type of the refusal.")
  static let seconds = Metric(
    .histogram, "keyfold_local_kms_call_seconds", "How long the local KMS took for a call, with its audit line.")
  static let refused = Metric(
    .counter, "keyfold_local_kms_connections_refused_total", "Connections closed because there were too many.")

  /// All that is measured here.
  public static let all = [calls, seconds, refused]

  private static let known = Set(
    KMSAction.allCases.map(\.name) + VaultOperation.allCases.map(\.rawValue)
      + GoogleOperation.allCases.map(\.rawValue) + [
        "EntraToken", "EntraDiscovery", "GoogleToken", "AssumeRole", "GetCallerIdentity", "Metadata",
      ])

  let registry = MetricsRegistry()
  private let counter = Counter(calls)
  private let histogram = Histogram(seconds, bounds: Histogram.seconds)
  private let refusals = Counter(refused)

  init(version: String) {
    registry.add(counter)
    registry.add(histogram)
    registry.add(refusals)
    ProcessMetrics.register(in: registry, version: version)
  }

  /// A caller's own words for what it wants never become a label.
  func answered(_ operation: String, outcome: String, since start: ContinuousClock.Instant) {
    counter.add(1, Self.known.contains(operation) ? operation : "other", outcome)
    histogram.record(start.duration(to: .now))
  }

  func refusedConnection() { refusals.add() }
}
