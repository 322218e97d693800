// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// One thing measured both ways, as often as there are pairs: rates, more is better.
struct Pairs {
  let name: String
  let unit: String
  private var subject: [Double] = []
  private var peer: [Double] = []

  init(_ name: String, unit: String) {
    self.name = name
    self.unit = unit
  }

  mutating func add(subject: Double, peer: Double) {
    self.subject.append(subject)
    self.peer.append(peer)
  }

  /// The medians of both, and the median of the ratios of each pair.
  var line: String {
    let ratios = zip(subject, peer).map { $0 / $1 }
    let spread = String(format: "%.2f..%.2f", ratios.min() ?? 0, ratios.max() ?? 0)
    let figures = String(
      format: "%10.1f %10.1f %-8@  ratio %.3f", Self.median(subject), Self.median(peer), unit, Self.median(ratios))
    return name.padding(toLength: 28, withPad: " ", startingAt: 0) + figures + "  (\(spread))"
  }

  static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}

/// The seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let duration = try ContinuousClock().measure(body)
  return Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

/// The processor seconds that the process, all its threads, spends in `body`: steadier than time on a busy machine.
func processorSeconds(_ body: () throws -> Void) rethrows -> Double {
  func now() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
  let start = now()
  try body()
  return now() - start
}

/// Writes a line to standard output at once.
func report(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
