// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// What waits in a mailbox, and what it has refused.
public struct MailboxLoad: Sendable, Equatable {
  /// Values that wait.
  public var values = 0
  /// Their bytes.
  public var bytes = 0
  /// How many values may wait.
  public var valueLimit = 0
  /// How many bytes may wait.
  public var byteLimit = 0
  /// Values refused since the start because there was no room.
  public var refused: UInt64 = 0
}

/// Hands values from a socket's thread to one waiting task, in order, at most `capacity` of them with at most
/// `byteCapacity` bytes at a time. A value that is larger than that may wait alone.
final class Mailbox<Element: Sendable>: Sendable {
  private struct State {
    var values: [(element: Element, bytes: Int)] = []
    var bytes = 0
    var refused: UInt64 = 0
    var end: Result<Void, MemberError>?
    var waiter: CheckedContinuation<Element?, any Error>?
  }

  private let capacity: Int
  private let byteCapacity: Int
  private let state = Mutex(State())

  init(capacity: Int, byteCapacity: Int = .max) {
    self.capacity = capacity
    self.byteCapacity = byteCapacity
  }

  /// What waits now.
  var load: MailboxLoad {
    state.withLock { state in
      MailboxLoad(
        values: state.values.count, bytes: state.bytes, valueLimit: capacity, byteLimit: byteCapacity,
        refused: state.refused)
    }
  }

  /// Adds a value that takes so many bytes; false if there is no room or the box is closed.
  @discardableResult
  func put(_ value: Element, bytes: Int = 0) -> Bool {
    let (taken, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Element?, any Error>?) in
      guard state.end == nil else { return (false, nil) }
      if let waiter = state.waiter {
        state.waiter = nil
        return (true, waiter)
      }
      let fits = state.values.isEmpty || bytes <= byteCapacity - state.bytes
      guard state.values.count < capacity, fits else {
        state.refused += 1
        return (false, nil)
      }
      state.values.append((value, bytes))
      state.bytes += bytes
      return (true, nil)
    }
    waiter?.resume(returning: value)
    return taken
  }

  /// Closes the box: what is in it can still be taken, then comes nil, or `error`. Only the first close counts.
  func finish(_ error: MemberError? = nil) {
    let waiter = state.withLock { state -> CheckedContinuation<Element?, any Error>? in
      guard state.end == nil else { return nil }
      state.end = error.map { .failure($0) } ?? .success(())
      defer { state.waiter = nil }
      return state.waiter
    }
    if let error { waiter?.resume(throwing: error) } else { waiter?.resume(returning: nil) }
  }

  /// The next value, waiting for it; nil or an error once the box is closed and empty. Only one task may wait.
  func next() async throws -> Element? {
    try await withCheckedThrowingContinuation { continuation in
      let ready = state.withLock { state -> Result<Element?, any Error>? in
        if !state.values.isEmpty {
          let first = state.values.removeFirst()
          state.bytes -= first.bytes
          return .success(first.element)
        }
        switch state.end {
        case .success: return .success(nil)
        case .failure(let error): return .failure(error)
        case nil:
          precondition(state.waiter == nil, "two tasks wait for one mailbox")
          state.waiter = continuation
          return nil
        }
      }
      if let ready { continuation.resume(with: ready) }
    }
  }
}
