// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Tasks that wait for something the socket's thread will say, each until its deadline; bounded.
final class AwaitTable<Value: Sendable>: Sendable {
  /// What became of an answer.
  enum Delivery: Equatable { case delivered, late, unknown }

  private struct Waiting {
    let continuation: CheckedContinuation<Result<Value, TransportError>, Never>
    let deadline: ContinuousClock.Instant
    let onProgress: (@Sendable (Value) -> Void)?
  }

  private struct State {
    var waiting: [UInt64: Waiting] = [:]
    var abandoned: [UInt64] = []
  }

  /// How many given-up ids are remembered, to tell a late answer from a message of its own.
  private static var rememberedIDs: Int { 256 }

  private let limit: Int
  private let state = Mutex(State())

  init(limit: Int) { self.limit = limit }

  /// Waits for `id`; `begin` is called once the wait is registered, and what it throws ends it.
  func wait(
    for id: UInt64, until deadline: ContinuousClock.Instant, onProgress: (@Sendable (Value) -> Void)? = nil,
    begin: @Sendable () throws(TransportError) -> Void
  ) async throws(TransportError) -> Value {
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let waiting = Waiting(continuation: continuation, deadline: deadline, onProgress: onProgress)
        guard register(waiting, as: id) else {
          continuation.resume(
            returning: .failure(TransportError(.congested, "\(limit) calls wait for an answer already")))
          return
        }
        do throws(TransportError) { try begin() } catch { finish(id, .failure(error)) }
        // The handler below may have run before the wait was registered.
        if Task.isCancelled { giveUp(id) }
      }
    } onCancel: {
      giveUp(id)
    }
    return try result.get()
  }

  private func register(_ waiting: Waiting, as id: UInt64) -> Bool {
    state.withLock { state in
      guard state.waiting.count < limit else { return false }
      state.waiting[id] = waiting
      return true
    }
  }

  private func giveUp(_ id: UInt64) { finish(id, .failure(TransportError(.cancelled, "the call was cancelled"))) }

  /// Ends one wait.
  @discardableResult
  func finish(_ id: UInt64, _ result: Result<Value, TransportError>) -> Delivery {
    let (waiting, delivery) = state.withLock { state -> (Waiting?, Delivery) in
      if let waiting = state.waiting.removeValue(forKey: id) {
        if case .failure(let error) = result, error.code == .deadline || error.code == .cancelled {
          state.abandoned.append(id)
          if state.abandoned.count > Self.rememberedIDs { state.abandoned.removeFirst() }
        }
        return (waiting, .delivered)
      }
      return (nil, state.abandoned.contains(id) ? .late : .unknown)
    }
    waiting?.continuation.resume(returning: result)
    return delivery
  }

  /// Tells a waiting task's progress handler; the wait goes on.
  func progress(_ id: UInt64, _ value: Value) -> Delivery {
    let (waiting, late) = state.withLock { ($0.waiting[id], $0.abandoned.contains(id)) }
    guard let waiting else { return late ? .late : .unknown }
    waiting.onProgress?(value)
    return .delivered
  }

  /// Ends all waits.
  func finishAll(_ result: Result<Value, TransportError>) {
    let waiting = state.withLock { state in
      defer { state.waiting = [:] }
      return state.waiting.values.map(\.continuation)
    }
    for continuation in waiting { continuation.resume(returning: result) }
  }

  /// Ends the waits whose deadline has passed; answers the next deadline.
  func expire(now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
    let (expired, next) = state.withLock { state in
      (
        state.waiting.filter { $0.value.deadline <= now }.map(\.key),
        state.waiting.values.map(\.deadline).filter { $0 > now }.min()
      )
    }
    for id in expired { finish(id, .failure(TransportError(.deadline, "no answer came in time"))) }
    return next
  }
}
