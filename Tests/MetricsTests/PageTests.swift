// SPDX-License-Identifier: GPL-3.0-or-later
import Metrics
import Testing

@Suite("A page is Prometheus' text format")
struct PageTests {
  private static let plain = Metric(.gauge, "keyfold_a_bytes", "The size of a\nof \\ and \"more\".")
  private static let labelled = Metric(.gauge, "keyfold_b", labels: ["member", "state"], "States.")
  private static let counted = Metric(.counter, "keyfold_c_total", labels: ["what"], "Things.")
  private static let seconds = Metric(.histogram, "keyfold_d_seconds", "Times.")

  private func lines(_ page: MetricsPage) -> [String] {
    page.text().split(separator: "\n").map(String.init).filter { !$0.contains("keyfold_metrics_dropped_series") }
  }

  @Test("writes help, type and values, metrics by name and series by labels")
  func whole() {
    var page = MetricsPage()
    page.set(Self.labelled, 1, ["z", "x"])
    page.set(Self.labelled, 0.25, ["a", "x"])
    page.set(Self.plain, 12)
    #expect(
      lines(page) == [
        #"# HELP keyfold_a_bytes The size of a\nof \\ and "more"."#, "# TYPE keyfold_a_bytes gauge",
        "keyfold_a_bytes 12", "# HELP keyfold_b States.", "# TYPE keyfold_b gauge",
        #"keyfold_b{member="a",state="x"} 0.25"#, #"keyfold_b{member="z",state="x"} 1"#,
      ])
    #expect(page.text().hasSuffix("\n"))
  }

  @Test(
    "escapes what stands in a label, and nothing else",
    arguments: [
      (#"a"b"#, #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), ("a\r\nb", "a\r\\nb"), ("Zürich", "Zürich"),
      (#"\n"#, #"\\n"#), ("}{,=", "}{,="),
    ])
  func escapes(_ value: String, _ written: String) {
    var page = MetricsPage()
    page.set(Self.labelled, 1, [value, ""])
    #expect(page.text().contains("{member=\"\(written)\",state=\"\"} 1\n"))
  }

  @Test(
    "writes numbers as Prometheus reads them",
    arguments: [
      (Double.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (0, "0"), (-3, "-3"), (0.1, "0.1"),
      (9_007_199_254_740_991, "9007199254740991"), (1e300, "1e+300"), (-0.0, "0"),
    ])
  func numbers(_ value: Double, _ written: String) {
    var page = MetricsPage()
    page.set(Self.plain, value)
    #expect(lines(page).last == "keyfold_a_bytes \(written)")
  }

  @Test("counts for each set of labels, and shows a counter without labels from the start")
  func counters() {
    let counter = Counter(Self.counted)
    let bare = Counter(Metric(.counter, "keyfold_e_total", "Things."))
    counter.add(1, "x")
    counter.add(4, "x")
    counter.add(2, "y")
    let registry = MetricsRegistry()
    registry.add(counter)
    registry.add(bare)
    let text = registry.page().text()
    #expect(text.contains("keyfold_c_total{what=\"x\"} 5\n"))
    #expect(text.contains("keyfold_c_total{what=\"y\"} 2\n"))
    #expect(text.contains("keyfold_e_total 0\n"))
    #expect(counter.value("x") == 5)
  }

  @Test("counts every value of a histogram once and writes the buckets as sums")
  func histograms() {
    let histogram = Histogram(Self.seconds, bounds: [0.1, 1])
    for value in [0.05, 0.1, 0.5, 2, .nan, .infinity] { histogram.record(value) }
    histogram.record(.milliseconds(250))
    let registry = MetricsRegistry()
    registry.add(histogram)
    #expect(
      lines(registry.page()).suffix(5) == [
        "keyfold_d_seconds_bucket{le=\"0.1\"} 2", "keyfold_d_seconds_bucket{le=\"1\"} 4",
        "keyfold_d_seconds_bucket{le=\"+Inf\"} 5", "keyfold_d_seconds_sum 2.9", "keyfold_d_seconds_count 5",
      ])
  }

  @Test("shows one of several states")
  func states() {
    var page = MetricsPage()
    page.set(Metric(.gauge, "keyfold_f", labels: ["state"], "F."), state: "b", of: ["a", "b"])
    #expect(lines(page).suffix(2) == ["keyfold_f{state=\"a\"} 0", "keyfold_f{state=\"b\"} 1"])
  }

  @Test("keeps the number of series bounded and says how many it left out")
  func bounded() {
    var page = MetricsPage()
    for number in 0..<MetricsPage.maximumSeries + 7 { page.set(Self.labelled, 1, ["\(number)", "x"]) }
    page.set(Self.labelled, 2, ["0", "x"])
    #expect(page.text().contains("keyfold_metrics_dropped_series 7\n"))
    #expect(page.text().contains("{member=\"0\",state=\"x\"} 2\n"))
    let counter = Counter(Self.counted)
    for number in 0..<MetricsPage.maximumSeries + 9 { counter.add(1, "\(number)") }
    #expect(counter.value("other") == 9)
  }

  @Test("ends a program whose metric is against the conventions")
  func conventions() async {
    await #expect(processExitsWith: .failure) { _ = Metric(.counter, "keyfold_commits", "A counter.") }
    await #expect(processExitsWith: .failure) { _ = Metric(.gauge, "keyfold_commits_total", "A gauge.") }
    await #expect(processExitsWith: .failure) { _ = Metric(.gauge, "commits", "No prefix.") }
    await #expect(processExitsWith: .failure) { _ = Metric(.gauge, "keyfold_Commits", "Upper case.") }
    await #expect(processExitsWith: .failure) { _ = Metric(.gauge, "keyfold_a", labels: ["le"], "Taken.") }
    await #expect(processExitsWith: .success) { _ = Metric(.gauge, "keyfold_a_2", labels: ["l_1"], "Fine.") }
  }
}
