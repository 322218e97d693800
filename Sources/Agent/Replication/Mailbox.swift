// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Hands values from a socket's thread to one waiting task, in order, at most `capacity` at a time.
final class Mailbox<Element: Sendable>: Sendable {
  private struct State {
    var values: [Element] = []
    var end: Result<Void, MemberError>?
    var waiter: CheckedContinuation<Element?, any Error>?
  }

  private let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int) { self.capacity = capacity }

  /// Adds a value; false if there is no room or the box is closed.
  @discardableResult
  func put(_ value: Element) -> Bool {
    let (taken, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Element?, any Error>?) in
      guard state.end == nil else { return (false, nil) }
      if let waiter = state.waiter {
        state.waiter = nil
        return (true, waiter)
      }
      guard state.values.count < capacity else { return (false, nil) }
      state.values.append(value)
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
        if !state.values.isEmpty { return .success(state.values.removeFirst()) }
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
