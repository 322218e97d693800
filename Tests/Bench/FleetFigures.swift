// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// What one side of the fleet's measurement cost.
struct FleetFigures {
  /// How often agents say a word, as the coordinator tells them.
  static let heartbeatMilliseconds = 2000

  /// Until all were answered.
  var connect = Duration.zero
  /// Seconds of processor time.
  var connectProcessor = 0.0
  /// Seconds of processor time per second.
  var heartbeatProcessor = 0.0
  var bytesPerNode = 0.0
  /// Until the words of all came back, and until the last of them had it.
  var propagation: [Duration] = []
  var reception: [Duration] = []
  /// Seconds of processor time.
  var propagationProcessor: [Double] = []

  static let heading =
    "                                             coordinator     bare socket   ratio (median of the rounds)"

  func lines(beside bare: FleetFigures, nodes: Int) -> [String] {
    let count = Double(nodes)
    func each(_ seconds: Double) -> Double { seconds * 1e6 / count }
    var lines = [
      Self.line("memory per agent, KiB", bytesPerNode / 1024, bare.bytesPerNode / 1024),
      Self.line("all connected and answered, s", connect.seconds, bare.connect.seconds),
      Self.line("  processor time per agent, us", each(connectProcessor), each(bare.connectProcessor)),
      Self.line("heartbeats, processor time per agent, us/s", each(heartbeatProcessor), each(bare.heartbeatProcessor)),
      Self.line(
        "a message to all and their words back, s", Self.median(propagation.map(\.seconds)),
        Self.median(bare.propagation.map(\.seconds))),
      Self.line(
        "  processor time per agent, us", each(Self.median(propagationProcessor)),
        each(Self.median(bare.propagationProcessor))),
    ]
    lines.append(
      String(format: "  the last agent has it after, s             %11.3f", Self.median(reception.map(\.seconds))))
    lines.append(String(format: "one core's share for the heartbeats of all   %10.1f%%", heartbeatProcessor * 100))
    return lines
  }

  private static func line(_ name: String, _ ours: Double, _ theirs: Double) -> String {
    let padded = name.padding(toLength: 44, withPad: " ", startingAt: 0)
    return padded + String(format: "%12.3f %15.3f %7.2f", ours, theirs, theirs > 0 ? ours / theirs : 0)
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}

extension Duration {
  var seconds: Double { self / .seconds(1) }
  var text: String { String(format: "%.2f s", seconds) }
}

/// What a process has cost so far, as the kernel counts it.
struct ProcessCost {
  /// Seconds of processor time of all its threads.
  var processor: Double
  var residentBytes: Double

  init(pid: Int32) throws {
    guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { throw BenchFailure("process \(pid) has ended") }
    // The fields behind the name: utime and stime are the 12th and 13th of them, rss the 22nd (proc(5)).
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
      let pages = Double(fields[21])
    else { throw BenchFailure("/proc/\(pid)/stat can't be read") }
    processor = (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    residentBytes = pages * Double(sysconf(Int32(_SC_PAGESIZE)))
  }
}
