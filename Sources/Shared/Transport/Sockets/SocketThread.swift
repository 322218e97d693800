// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ
internal import Glibc
internal import Synchronization

/// A thread that runs one function and is waited for.
final class SocketThread: Sendable {
  private enum State {
    case idle
    case running(pthread_t)
    case joined
  }

  private final class Work: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  private let state = Mutex(State.idle)

  /// Starts the thread; throws `system` if there can't be one more, `closed` if it ran already.
  func start(name: String, _ body: @escaping @Sendable () -> Void) throws(TransportError) {
    let work = unsafe Unmanaged.passRetained(Work(name: name, body: body))
    let result = state.withLock { state -> Int32 in
      guard case .idle = state else { return EBUSY }
      var thread = pthread_t()
      let result = unsafe pthread_create(
        &thread, nil,
        { argument in
          guard let argument = unsafe argument else { return nil }
          let work = unsafe Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
          unsafe kf_name_this_thread(work.name)
          work.body()
          return nil
        }, work.toOpaque())
      if result == 0 { state = .running(thread) }
      return result
    }
    guard result == 0 else {
      unsafe work.release()
      throw TransportError(result == EBUSY ? .closed : .system, "the thread \(name) can't be started")
    }
  }

  /// Whether it was started and nobody has waited for its end yet.
  var isRunning: Bool {
    state.withLock { state in if case .running = state { true } else { false } }
  }

  /// Waits for the thread's end; on the thread itself it only lets go of it.
  func join() {
    let thread = state.withLock { state -> pthread_t? in
      guard case .running(let thread) = state else { return nil }
      state = .joined
      return thread
    }
    guard let thread else { return }
    if pthread_equal(thread, pthread_self()) != 0 {
      pthread_detach(thread)
    } else {
      pthread_join(thread, nil)
    }
  }
}
