// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// What some work cost.
struct Cost {
  /// Seconds on the clock.
  var wall = 0.0
  /// Seconds that all threads of the process spent on a processor: steadier than the clock on a busy machine.
  var processor = 0.0

  static func += (total: inout Cost, part: Cost) {
    total.wall += part.wall
    total.processor += part.processor
  }

  static func - (end: Cost, start: Cost) -> Cost {
    Cost(wall: end.wall - start.wall, processor: end.processor - start.processor)
  }

  /// The cost of `body`.
  static func of(_ body: () throws -> Void) rethrows -> Cost {
    let start = now()
    try body()
    return now() - start
  }

  /// What the process has cost so far.
  static func now() -> Cost { Cost(wall: seconds(CLOCK_MONOTONIC), processor: seconds(CLOCK_PROCESS_CPUTIME_ID)) }

  private static func seconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    unsafe clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// The same work done both ways, as often as there are pairs.
struct Pairs {
  let name: String
  /// What a figure counts per second.
  let unit: String
  /// How much of that one side of a pair does.
  let work: Double
  private var pairs: [(subject: Cost, peer: Cost)] = []

  init(_ name: String, work: Double, unit: String) {
    self.name = name
    self.work = work
    self.unit = unit
  }

  /// Adds a pair; the first side's speed over the second's is the ratio.
  mutating func add(subject: Cost, peer: Cost) { pairs.append((subject, peer)) }

  /// Does both sides in short turns and adds the sums: other work on the machine, which comes and goes, then meets
  /// both. Turns begin with either side by turns.
  mutating func addInTurns(_ turns: Int, subject: (Int) throws -> Void, peer: (Int) throws -> Void) rethrows {
    var costs = (subject: Cost(), peer: Cost())
    for turn in 0..<turns {
      if turn.isMultiple(of: 2) { costs.subject += try Cost.of { try subject(turn) } }
      costs.peer += try Cost.of { try peer(turn) }
      if !turn.isMultiple(of: 2) { costs.subject += try Cost.of { try subject(turn) } }
    }
    pairs.append(costs)
  }

  /// Median speeds of both, then the pairs' ratios (median, least, greatest) by the clock and by processor time.
  var line: String {
    let subject = Self.median(pairs.map { work / $0.subject.wall })
    let peer = Self.median(pairs.map { work / $0.peer.wall })
    let wall = Self.summary(pairs.map { $0.peer.wall / $0.subject.wall })
    let processor = Self.summary(pairs.map { $0.peer.processor / $0.subject.processor })
    let figures = String(format: "%9.1f %9.1f %-7@ ", subject, peer, unit)
    return name.padding(toLength: 19, withPad: " ", startingAt: 0) + figures + " \(wall)   \(processor)"
  }

  /// The heading of `line`.
  static func heading(_ subject: String, _ peer: String) -> String {
    func right(_ text: String) -> String { String(repeating: " ", count: max(1, 10 - text.count)) + text }
    let names = String(repeating: " ", count: 18) + right(subject) + right(peer)
    return names + "          ratio, clock      ratio, processor"
  }

  /// Median, least and greatest.
  static func summary(_ ratios: [Double]) -> String {
    String(format: "%.3f (%.2f-%.2f)", median(ratios), ratios.min() ?? 0, ratios.max() ?? 0)
  }

  private static func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}

/// Writes a line to standard output at once.
func report(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }
