// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// That this store was found to be older than what nodes follow: it was restored from a copy.
public struct RestorationRecord: Sendable, Codable, Equatable {
  /// The highest epoch a node follows that this store never gave out.
  public var seen: Epoch
  /// The highest epoch of this store when that was noticed.
  public var own: Epoch
  /// When it was noticed first.
  public var since: Instant
  /// The nodes that follow such an epoch: their processes have run since before the copy was put in place.
  public var witnesses: [NodeName]

  /// What a store says that was put back by an operator, whose last epoch is `number`: a process that follows it, or a
  /// later one, has run since before.
  public static func putBack(lastEpoch number: UInt64, at now: Instant) -> RestorationRecord {
    RestorationRecord(
      seen: Epoch(number: number, incarnation: 0), own: Epoch(number: number - min(number, 1), incarnation: 0),
      since: now, witnesses: [])
  }

  /// Whether the store itself says that it was put back, and not only nodes; no coordinator's life has incarnation 0.
  var isByOperator: Bool { own.incarnation == 0 }
}
