// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// A command whose end is an event of the engine rather than of a job.
enum PendingClose: Hashable, Sendable { case stopDatabase }

/// Which coordinator may command, and what was answered to which command.
struct CommandRecord: Sendable {
  /// How many results are kept; a retry comes within seconds, so the oldest are long forgotten by their senders.
  static let capacity = 256

  private(set) var epoch: Epoch?
  var pending: [PendingClose: CommandID] = [:]
  private var results: [CommandID: CommandResult] = [:]
  private var order: [CommandID] = []

  /// Admits an epoch or says why not: the first incarnation seen of a number is bound to it, lower numbers are refused.
  mutating func admit(_ new: Epoch) -> String? {
    guard let known = epoch else {
      epoch = new
      return nil
    }
    if new.number < known.number { return "epoch \(new.number) is older than \(known.number)" }
    if new.number == known.number, new.incarnation != known.incarnation {
      return "epoch \(new.number) belongs to another coordinator"
    }
    epoch = new
    return nil
  }

  /// The recorded result, marked as a repetition.
  func recorded(_ id: CommandID) -> CommandResult? {
    guard var result = results[id] else { return nil }
    result.replayed = true
    return result
  }

  /// Keeps a final result and returns it.
  mutating func record(_ result: CommandResult) -> CommandResult {
    if results.updateValue(result, forKey: result.command) == nil { order.append(result.command) }
    if order.count > Self.capacity { results[order.removeFirst()] = nil }
    return result
  }
}

/// Spreads retries and checks of many nodes; SplitMix64 (Steele, Lea, Flood:
/// Fast splittable pseudorandom number generators).
struct Jitter: Sendable {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  /// `value` changed by up to `tenths` tenths either way.
  mutating func around(_ value: Milliseconds, byTenths tenths: Int64) -> Milliseconds {
    let reach = value / 10 * tenths
    guard reach > 0 else { return value }
    return value - reach + Milliseconds(next() % UInt64(2 * reach + 1))
  }

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
