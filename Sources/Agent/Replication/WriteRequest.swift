// SPDX-License-Identifier: GPL-3.0-or-later

/// One writer that waits for its turn in a batch.
struct WriteRequest: Sendable {
  /// What is told to the writer once the batch's fate is known: nil for committed.
  typealias Completion = @Sendable (MemberError?) -> Void

  /// Runs the writer's body; throws only what makes the whole batch impossible. An error of the body itself is told to
  /// the writer at the end and leaves the batch as it is.
  let run: @Sendable (WriteView) throws(MemberError) -> Completion
  /// Tells the writer that it never ran.
  let refuse: @Sendable (MemberError) -> Void
  var attempts = 0

  init<R: Sendable>(
    _ body: @Sendable @escaping (WriteView) throws -> R, _ continuation: CheckedContinuation<R, any Error>
  ) {
    refuse = { continuation.resume(throwing: $0) }
    run = { view throws(MemberError) in
      let result = Result { try body(view) }
      if let failure = view.failure { throw failure }
      return { error in
        if let error { continuation.resume(throwing: error) } else { continuation.resume(with: result) }
      }
    }
  }
}

/// The one batch of writes on its way: its transaction is open, its entry is in the log.
struct WriteBatch: Sendable {
  /// The entry's index.
  let index: UInt64
  /// The writers to tell.
  let completions: [WriteRequest.Completion]

  func complete(_ error: MemberError?) { for completion in completions { completion(error) } }
}
