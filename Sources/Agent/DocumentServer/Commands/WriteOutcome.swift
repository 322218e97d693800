// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// What becomes of a write whose driver does not wait for ever: the first that is known wins.
final class WriteOutcome<R: Sendable>: Sendable {
  typealias Value = (result: R, acknowledgement: Acknowledgement)

  private struct State {
    /// What the write's newest run made; it may run again until it is committed.
    var ran: R?
    var outcome: Result<Value, any Error>?
    var reader: CheckedContinuation<Value, any Error>?
    var runWaiter: CheckedContinuation<Bool, Never>?
  }

  private let state = Mutex(State())

  /// The write was carried out, and is on its way to a majority.
  func ran(_ result: R) {
    let waiter = state.withLock { state in
      state.ran = result
      return state.runWaiter.take()
    }
    waiter?.resume(returning: true)
  }

  /// Waits until the write was carried out; false if it never was.
  func waitUntilRun() async -> Bool {
    await withCheckedContinuation { continuation in
      let answer = state.withLock { state -> Bool? in
        if state.outcome != nil { return false }
        if state.ran != nil { return true }
        state.runWaiter = continuation
        return nil
      }
      if let answer { continuation.resume(returning: answer) }
    }
  }

  /// Nobody waits any longer.
  func giveUp() {
    guard let result = state.withLock({ $0.ran }) else { return }
    finish(.success((result, .late)))
  }

  /// Ends the waiting, unless something did before.
  func finish(_ outcome: sending Result<Value, any Error>) {
    let (reader, waiter, answer) = state.withLock { state in
      if state.outcome == nil { state.outcome = outcome }
      return (state.reader.take(), state.runWaiter.take(), state.outcome)
    }
    waiter?.resume(returning: false)
    if let reader, let answer { reader.resume(with: answer) }
  }

  /// What came first.
  var value: Value {
    get async throws {
      try await withCheckedThrowingContinuation { continuation in
        let answer = state.withLock { state -> Result<Value, any Error>? in
          if state.outcome == nil { state.reader = continuation }
          return state.outcome
        }
        if let answer { continuation.resume(with: answer) }
      }
    }
  }
}
