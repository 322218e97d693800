// SPDX-License-Identifier: GPL-3.0-or-later

import Foundation
import Metrics
import Testing

@Suite("Prometheus' own client reads our metrics")
struct PrometheusTests {
  private static let gauge = Metric(.gauge, "keyfold_a", labels: ["name"], "A \\ and a\nline.")
  private static let counter = Metric(.counter, "keyfold_b_total", "B.")
  private static let histogram = Metric(.histogram, "keyfold_c_seconds", "C.")
  private static let names = ["plain", "quo\"te", "back\\slash", "line\nfeed", "Z\u{FC}rich", "a,b{c}=d ", "", "\r\n"]

  @Test("every value and label comes back as it was", .timeLimit(.minutes(10)))
  func parses() async throws {
    guard let environment = try await Interop.environment("prometheus", "prometheus_client==0.22.1") else {
      try Test.cancel("prometheus_client cannot be installed here")
    }
    let registry = MetricsRegistry()
    let (counter, histogram) = (Counter(Self.counter), Histogram(Self.histogram, bounds: [0.001, 1, 10]))
    counter.add(41)
    for value in [0.0001, 0.5, 100] { histogram.record(value) }
    registry.add(counter)
    registry.add(histogram)
    ProcessMetrics.register(in: registry, version: "1")
    registry.onScrape { page in
      for (number, name) in Self.names.enumerated() { page.set(Self.gauge, Double(number) + 0.5, [name]) }
    }
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("metrics-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: file) }
    try Data(registry.page().text().utf8).write(to: file)
    let result = try await Interop.run(
      "\(environment)/bin/python", ["\(Interop.folder)/prometheus_parse.py", file.path])
    #expect(result.status == 0, "\(result.output)")
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
    let samples = try #require(object as? [String: Double])
    for (number, name) in Self.names.enumerated() {
      #expect(samples["keyfold_a|name=\(name)"] == Double(number) + 0.5, "\(name.debugDescription)")
    }
    #expect(samples["keyfold_b_total|"] == 41)
    #expect(samples["keyfold_c_seconds_bucket|le=+Inf"] == 3)
    #expect(samples["keyfold_c_seconds_bucket|le=1"] == 2)
    #expect(samples["keyfold_c_seconds_sum|"] == 100.5001)
    #expect(samples["process_resident_memory_bytes|"] ?? 0 > 1_000_000)
  }
}
