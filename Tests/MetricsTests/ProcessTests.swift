// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@testable import Metrics

@Suite("A process says how much it uses")
struct ProcessTests {
  @Test("reads the system's line, whatever the program is called")
  func parses() {
    let tail = " S 1 2 3 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 9 0 12345 1000000 77 184467"
    let wanted = ProcessMetrics.Status(
      processorTicks: 300, startTicks: 12345, virtualBytes: 1_000_000, residentPages: 77)
    #expect(ProcessMetrics.parse("12 (keyfold-agent)" + tail) == wanted)
    #expect(ProcessMetrics.parse("12 (a) b (c d)" + tail) == wanted)
    for broken in ["", "12 keyfold", "12 (a) S 1 2", ")"] { #expect(ProcessMetrics.parse(broken) == nil) }
  }

  @Test("shows this process with memory, time and descriptors")
  func live() throws {
    let registry = MetricsRegistry()
    ProcessMetrics.register(in: registry, version: "1.2.3")
    let text = registry.page().text()
    #expect(text.contains("keyfold_build_info{version=\"1.2.3\"} 1\n"))
    for name in ProcessMetrics.all.map(\.name) { #expect(text.contains("# TYPE \(name) "), "\(name)") }
    let memory = text.split(separator: "\n").first { $0.hasPrefix("process_resident_memory_bytes ") }
    let bytes = try #require(memory?.split(separator: " ").last.flatMap { Double(String($0)) })
    #expect(bytes > 1_048_576)
  }
}
