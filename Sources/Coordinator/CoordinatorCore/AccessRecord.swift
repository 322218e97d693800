// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A range from which drivers may connect to a project's clusters.
public struct AccessRecord: Sendable, Codable, Equatable {
  /// The range.
  public let range: IPRange
  /// What the operator says of it.
  public let comment: String
  /// When it was added.
  public let addedAt: Instant
  /// How long it holds from then, in milliseconds; nil for good.
  public let lifetimeMilliseconds: Int64?
  /// How much of that has passed while a coordinator ran, as far as it was kept.
  public var passedMilliseconds: Int64

  init(range: IPRange, comment: String, addedAt: Instant, lifetimeMilliseconds: Int64?) {
    self.range = range
    self.comment = comment
    self.addedAt = addedAt
    self.lifetimeMilliseconds = lifetimeMilliseconds
    passedMilliseconds = 0
  }
}
