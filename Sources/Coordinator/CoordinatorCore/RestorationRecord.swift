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
}
