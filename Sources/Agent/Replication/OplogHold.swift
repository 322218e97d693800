// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Keeps a member's oplog from an entry on for as long as a copy needs it, unless the oplog's ceiling forces it out.
///
/// A hold that has ended lingers: whoever made the copy asks for the entries behind it only then.
final class OplogHold: Sendable {
  /// How long the entries are kept after the end, for the copy's owner to catch up.
  static let linger = Duration.seconds(600)

  private struct State {
    var index: UInt64
    var trimmedTo: UInt64 = 0
    var endedAt: ContinuousClock.Instant?
  }

  private let state: Mutex<State>

  init(after index: UInt64) { state = Mutex(State(index: index)) }

  /// The index behind which nothing may go.
  var index: UInt64 { state.withLock { $0.index } }
  /// Whether entries behind `index` went all the same.
  var isBroken: Bool { state.withLock { $0.trimmedTo > $0.index } }

  /// Throws `syncFailed` if the copy can't be finished any more.
  func check() throws(MemberError) {
    guard isBroken else { return }
    throw MemberError(
      .syncFailed,
      "the oplog reached its ceiling and gave up entries that this copy needs; raise oplogMaximumMegabytes or copy "
        + "while there are fewer writes")
  }

  /// Lets go of the entries up to `index`.
  func move(to index: UInt64) { state.withLock { $0.index = max($0.index, index) } }

  /// Lets go of everything, after a while or at once.
  func end(lingering: Bool) {
    let now = ContinuousClock.now
    state.withLock { $0.endedAt = min($0.endedAt ?? now, lingering ? now : now - Self.linger) }
  }

  /// Whether it still counts.
  func isOver(at now: ContinuousClock.Instant) -> Bool {
    state.withLock { state in state.endedAt.map { now - $0 >= Self.linger } ?? false }
  }

  /// Entries up to `base` are gone.
  func noteTrim(to base: UInt64) { state.withLock { $0.trimmedTo = max($0.trimmedTo, base) } }
}
