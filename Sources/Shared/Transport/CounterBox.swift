// SPDX-License-Identifier: GPL-3.0-or-later
internal import Messages
internal import Synchronization

/// Counters that the socket's thread raises and anybody reads.
final class CounterBox: Sendable {
  private let counters = Mutex(TransportCounters())

  /// The counters as they stand.
  var snapshot: TransportCounters { counters.withLock { $0 } }

  /// Raises one counter.
  func count(_ counter: any WritableKeyPath<TransportCounters, UInt64> & Sendable, by amount: UInt64 = 1) {
    counters.withLock { $0[keyPath: counter] += amount }
  }

  /// Counts a message that could not be decoded.
  func count(_ error: MessageError) {
    switch error.code {
    case .unsupportedVersion: count(\.unsupportedVersion)
    case .unknownMessage: count(\.unknownMessage)
    case .malformed, .invalidUTF8, .embeddedNUL, .outOfRange, .invalidValue, .missing, .memoryBudget, .tooLarge,
      .secretStorage:
      count(\.malformed)
    }
  }
}
