// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Work that a driver no longer waits for, or not any longer: it lives as long as the server runs.
final class LateWrites: Sendable {
  typealias Job = @Sendable () async -> Void

  /// How many jobs may be under way; one more is waited for by whoever brings it.
  static let limit = 1_000

  private let jobs: AsyncStream<Job>
  private let queue: AsyncStream<Job>.Continuation
  private let underWay = Mutex(0)

  init() { (jobs, queue) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(LateWrites.limit)) }

  /// Runs jobs until `close`, and returns when the last has ended.
  func run() async {
    await withDiscardingTaskGroup { group in
      for await job in jobs { group.addTask { await job() } }
    }
  }

  /// Lets no further job begin in the background.
  func close() { queue.finish() }

  /// Runs a job in the background, or at once if there are too many or the server stops.
  func submit(_ job: @escaping Job) async {
    let isAdmitted = underWay.withLock { count in
      guard count < LateWrites.limit else { return false }
      count += 1
      return true
    }
    guard isAdmitted else { return await job() }
    let counted: Job = {
      await job()
      self.underWay.withLock { $0 -= 1 }
    }
    if case .enqueued = queue.yield(counted) { return }
    await counted()
  }
}
