// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger
internal import Glibc
internal import Synchronization

/// The executor of actors whose calls block on the disk: one thread of its own, away from the cooperative pool.
///
/// An actor names it in `nonisolated var unownedExecutor`, and must hold it. `stop()` ends the thread when its queue is
/// empty; a job that comes later still runs, on a thread started for it, so that no task is left hanging.
public final class StoreThread: SerialExecutor {
  private struct State {
    var jobs: [UnownedJob] = []
    var afterwards: [@Sendable () -> Void] = []
    var isRunning = false
    var isStopping = false
    var runner: UInt?
  }

  /// The thread's name, cut to the 15 bytes that Linux shows.
  public let name: String
  private let state = Mutex(State())
  private let work = Signal()
  private let idle = Signal()

  /// Starts the thread. Throws `io` if the system has no thread left.
  public init(name: String) throws(StoreError) {
    self.name = String(decoding: name.utf8.prefix(15), as: UTF8.self)
    state.withLock { $0.isRunning = true }
    let result = startThread()
    guard result == 0 else {
      throw StoreError(
        .io, doing: "starting the thread \(name)", detail: StoreError.text(of: result), underlying: result)
    }
  }

  /// Part of `Executor`: queues a job.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let mustStart = state.withLock { state in
      state.jobs.append(job)
      if state.isRunning { return false }
      state.isRunning = true
      return true
    }
    if !mustStart { return work.raise() }
    // Without a thread to be had the caller's serves; nobody else runs jobs of this executor then.
    if startThread() != 0 { run() }
  }

  /// Part of `SerialExecutor`.
  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

  /// Part of `SerialExecutor`: whether the caller runs on this thread.
  public func isIsolatingCurrentContext() -> Bool? { isCurrent }

  /// Part of `SerialExecutor`: traps unless the caller runs on this thread.
  public func checkIsolated() { precondition(isCurrent, "this must run on the thread \(name)") }

  /// Whether the caller runs on this thread.
  public var isCurrent: Bool { state.withLock { $0.runner } == UInt(pthread_self()) }

  /// Runs `body` on this thread, from which it is called, once the jobs that were queued together with the running one
  /// are done: what they all ask for can then be done at once.
  public func afterQueued(_ body: @escaping @Sendable () -> Void) {
    precondition(isCurrent, "only the thread \(name) itself can put work off")
    state.withLock { $0.afterwards.append(body) }
  }

  /// Lets the thread end once its queue is empty; does not wait.
  public func stop() {
    state.withLock { $0.isStopping = true }
    work.raise()
  }

  /// Waits until the thread has ended; call `stop()` before, and never from the thread itself or an async function.
  public func join() {
    precondition(!isCurrent, "the thread \(name) cannot wait for itself")
    while state.withLock({ $0.isRunning }) { idle.wait() }
    idle.raise()
  }

  private enum Step { case run([UnownedJob]), wait, end }

  /// The thread's life.
  private func run() {
    state.withLock { $0.runner = UInt(pthread_self()) }
    while true {
      let step: Step = state.withLock { state in
        // What was put off by something put off comes after the jobs of the next round.
        if !state.jobs.isEmpty || !state.afterwards.isEmpty { return .run(exchange(&state.jobs, with: [])) }
        if !state.isStopping { return .wait }
        state.runner = nil
        state.isRunning = false
        return .end
      }
      switch step {
      case .run(let jobs):
        for job in jobs { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
        for body in state.withLock({ exchange(&$0.afterwards, with: []) }) { body() }
      case .wait: work.wait()
      case .end: return idle.raise()
      }
    }
  }

  /// Starts a detached thread that keeps this object alive until it ends; returns an errno value.
  private func startThread() -> Int32 {
    var thread = pthread_t()
    let this = unsafe Unmanaged.passRetained(self)
    let result = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        let this = unsafe Unmanaged<StoreThread>.fromOpaque(argument).takeRetainedValue()
        unsafe keyfold_name_thread(this.name)
        this.run()
        return nil
      }, this.toOpaque())
    guard result == 0 else {
      unsafe this.release()
      return result
    }
    return pthread_detach(thread)
  }
}

/// A counting semaphore. (`sem_t` must not move: it lives on the heap.)
// tidy:allow unchecked-sendable sem_post and sem_wait are made for concurrent use; the pointer never changes
@safe private final class Signal: @unchecked Sendable {
  private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

  init() { unsafe sem_init(semaphore, 0, 0) }

  deinit {
    unsafe sem_destroy(semaphore)
    unsafe semaphore.deallocate()
  }

  func raise() { unsafe sem_post(semaphore) }

  func wait() { while unsafe sem_wait(semaphore) != 0 {} }
}
