// SPDX-License-Identifier: GPL-3.0-or-later
internal import EncryptedStore
internal import Foundation
internal import ReplicationCore
internal import Synchronization

/// The file beside a generation's store that says what its member acknowledged; it does not vanish with the journal.
///
/// The member's thread writes it before whoever could see the cause; raising `end` is nobody's hurry and may come from
/// another thread.
final class FloorKeeper: Sendable {
  private struct State {
    var floor: AcknowledgedFloor
    /// Counts the times `end` was lowered: a position taken before says nothing.
    var lowered = 0
  }

  private let path: String
  private let state: Mutex<State>

  private init(_ path: String, _ floor: AcknowledgedFloor) {
    self.path = path
    state = Mutex(State(floor: floor))
  }

  /// Makes the file of a generation.
  static func create(at path: String, _ floor: AcknowledgedFloor) throws(MemberError) -> FloorKeeper {
    let keeper = FloorKeeper(path, floor)
    try keeper.update { $0 = floor }
    return keeper
  }

  /// Reads the file of a generation; nil if there is none.
  static func open(_ path: String) throws(MemberError) -> FloorKeeper? {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    do {
      let bytes = try DurableFile.read(path, limit: AcknowledgedFloor.maximumBytes)
      return FloorKeeper(path, try AcknowledgedFloor(decoding: bytes))
    } catch let error as StoreError {
      throw MemberError(error)
    } catch { throw MemberError(.damaged, "\(path): \(error)", file: GenerationDirectory.floorFile) }
  }

  /// What it says.
  var floor: AcknowledgedFloor { state.withLock { $0.floor } }

  /// A stamp for `raise`.
  var stamp: Int { state.withLock { $0.lowered } }

  /// Changes the file; durable on return.
  func update(_ change: (inout AcknowledgedFloor) -> Void) throws(MemberError) {
    try state.withLock { state throws(MemberError) in
      var floor = state.floor
      change(&floor)
      if floor.end < state.floor.end { state.lowered += 1 }
      try write(floor)
      state.floor = floor
    }
  }

  /// The log is about to end at `end`: durable on return.
  func lower(to end: LogPosition) throws(MemberError) {
    try state.withLock { state throws(MemberError) in
      state.lowered += 1
      guard state.floor.end.index > end.index else { return }
      var floor = state.floor
      floor.end = end
      try write(floor)
      state.floor = floor
    }
  }

  /// The log is durable up to `end`, as it was at `stamp`.
  func raise(to end: LogPosition, stamp: Int) throws(MemberError) {
    try state.withLock { state throws(MemberError) in
      guard stamp == state.lowered, end > state.floor.end else { return }
      var floor = state.floor
      floor.end = end
      try write(floor)
      state.floor = floor
    }
  }

  private func write(_ floor: AcknowledgedFloor) throws(MemberError) {
    do { try DurableFile.replace(path, with: floor.encoded()) } catch { throw MemberError(error) }
  }
}
