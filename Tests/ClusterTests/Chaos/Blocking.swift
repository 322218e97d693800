// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// Runs what blocks on a thread of its own: the concurrency pool has as few threads as the machine cores.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
  try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
  }
}

/// Waits for a time that is part of what is being tested: how long a process stays dead, how long a fault lasts.
func pass(_ time: Duration) async throws {
  // tidy:allow sleep the length of a fault is its nature; nothing is expected to have happened after it
  try await Task.sleep(for: time)
}
