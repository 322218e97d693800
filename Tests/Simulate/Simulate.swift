// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Simulator

/// What was asked for.
struct Arguments {
  var seconds = 60
  var seed: UInt64?
  var from: UInt64?
  var broken: BrokenRule?
  /// Print all that happens.
  var traces = false
  /// How many nodes a fleet has, nil if single clusters are to be played.
  var fleet: Int?
  var days: Int64 = 90
  var site: UInt64?
  var clusters: Int?
  /// All nodes of a fleet start and rotate at once.
  var storms = false
  var brokenFleet: BrokenFleetRule?

  /// Nil if something is not understood.
  init?(_ arguments: [String]) {
    var rest = arguments[...]
    while let option = rest.popFirst() {
      if option == "--trace" {
        traces = true
        continue
      }
      if option == "--storm" {
        storms = true
        continue
      }
      guard let value = rest.popFirst() else { return nil }
      switch option {
      case "--seconds":
        guard let number = Int(value), number >= 0 else { return nil }
        seconds = number
      case "--seed", "--from":
        guard let number = UInt64(value) else { return nil }
        if option == "--seed" { seed = number } else { from = number }
      case "--break":
        (broken, brokenFleet) = (BrokenRule(rawValue: value), BrokenFleetRule(rawValue: value))
        if broken == nil, brokenFleet == nil { return nil }
      case "--fleet", "--days", "--site", "--clusters":
        guard let number = UInt64(value), number <= 1_000_000 else { return nil }
        if option == "--fleet" {
          fleet = Int(number)
        } else if option == "--days" {
          days = Int64(number)
        } else if option == "--clusters" {
          guard number > 0 else { return nil }
          clusters = Int(number)
        } else {
          site = number
        }
      default: return nil
      }
    }
  }

  func profile(_ seed: UInt64) -> SimulationProfile {
    guard let broken else { return SimulationProfile(seed: seed) }
    return SimulationProfile(seed: seed, breaking: broken)
  }
}

@main
struct Simulate {
  static let progressInterval = Duration.seconds(5)

  static func main() {
    guard let arguments = Arguments(Array(CommandLine.arguments.dropFirst())) else {
      say(
        "keyfold-simulate: the options are --seconds N, --seed S, --from S, --break RULE, --trace,\n"
          + "and of a fleet --fleet NODES, --days N, --clusters N, --site N, --storm\n",
        to: .standardError)
      exit(2)
    }
    exit(arguments.fleet.map { Fleet.run(arguments, nodes: $0) } ?? run(arguments))
  }

  private static func run(_ arguments: Arguments) -> Int32 {
    let begin = ContinuousClock.now
    var (total, seeds, nextWord) = (SimulationStatistics(), 0, begin + progressInterval)
    var next = arguments.seed ?? arguments.from ?? UInt64.random(in: 1...1_000_000_000_000)
    if arguments.traces {
      for line in SimulationRun.trace(arguments.profile(next)) { say(line + "\n") }
      return 0
    }
    say("from seed \(next) on\n")
    repeat {
      do { total.add(try SimulationRun.play(arguments.profile(next))) } catch {
        say("FAILED \(error)\nReplay it with: deploy/simulate --seed \(next)\n")
        return 1
      }
      seeds += 1
      next += 1
      if ContinuousClock.now >= nextWord {
        nextWord += progressInterval
        say(progress(total, seeds: seeds, since: begin))
      }
    } while arguments.seed == nil && ContinuousClock.now - begin < .seconds(arguments.seconds)
    say(progress(total, seeds: seeds, since: begin))
    let seen = total.seen.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    say("\(total.acknowledged) writes acknowledged; " + seen.joined(separator: ", ") + "\nno promise was broken\n")
    return 0
  }

  private static func progress(
    _ total: SimulationStatistics, seeds: Int, since begin: ContinuousClock.Instant
  ) -> String {
    let seconds = (ContinuousClock.now - begin) / .seconds(1)
    let hours = Double(total.virtualMilliseconds) / 3_600_000
    return "\(seeds) seeds, \(rounded(hours)) virtual hours, \(rounded(Double(seeds) / seconds)) seeds/s, "
      + "\(Int(Double(total.events) / seconds)) events/s\n"
  }

  static func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

  static func say(_ text: String, to file: FileHandle = .standardOutput) { file.write(Data(text.utf8)) }
}
