// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Synchronization

/// The coordinator's own uses of KMS keys, on their way from the clients into the audit record.
final class OwnKeyUses: Sendable {
  /// How many may wait for the coordinator; beyond them they are counted, not kept.
  static let maximumWaiting = 1024

  private let waiting: AsyncStream<(use: KeyUse, lost: UInt64)>
  private let arrivals: AsyncStream<(use: KeyUse, lost: UInt64)>.Continuation
  /// Uses dropped since the last that was kept.
  private let lost = Mutex<UInt64>(0)

  init() {
    (waiting, arrivals) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.maximumWaiting))
  }

  /// A request went to a KMS.
  func note(_ use: KeyUse) {
    lost.withLock { lost in
      if case .dropped = arrivals.yield((use, lost)) { lost &+= 1 } else { lost = 0 }
    }
  }

  /// Records what comes until it is cancelled; throws what the coordinator can't go on from.
  func record(in coordinator: Coordinator) async throws {
    for await (use, lost) in waiting { try await coordinator.record(use, lost: lost) }
  }
}

extension Coordinator {
  func record(_ use: KeyUse, lost: UInt64) throws(CoordinatorFault) {
    try perform(core.onOwnKeyUse(use, lost: lost, now: now))
  }
}
