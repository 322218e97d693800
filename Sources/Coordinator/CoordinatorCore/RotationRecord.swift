// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// When a project's clusters are maintained and how old their keys may become; part of its record.
public struct MaintenanceRecord: Sendable, Codable, Equatable {
  /// The window in which maintenance begins, nil for any time.
  public var window: MaintenanceWindow?
  /// How old master keys may become, in days; nil for the default.
  public var rotationDays: Int?
  /// Whether each rotation is put off by a week once, by itself; nil is no.
  public var automaticDeferral: Bool?
  /// After how many days of one customer's key the alert opens, by provider; 0 is never, none is the default.
  public var keyAlertDays: [String: Int]?
}

/// How the next rotation of a cluster's master keys stands; part of its record.
public struct RotationRecord: Sendable, Codable, Equatable {
  /// How often it was put off since the last rotation that succeeded.
  public var deferrals = 0
  /// Until when it is put off, nil if it is not.
  public var deferredUntil: Instant?
  /// When a rotation began by itself last.
  public var startedAt: Instant?
}

/// When master keys are due, worked out anew at each look from what the nodes report: nothing of it is remembered, so
/// that no clock that was wrong for a while is remembered either.
struct RotationOutlook: Equatable {
  /// The node with the oldest key in use.
  var node: NodeName
  /// How old that is; nil if no clock can tell.
  var age: Duration?
  /// How old a key may become.
  var limit: Duration
  /// When it will be so old.
  var dueAt: Instant
  /// When the rotation starts: ahead of that by `lead`, in the last window before it, or when it was deferred to.
  var startsAt: Instant

  /// How much ahead of the limit a rotation starts, so that a short outage does not make it late.
  static func lead(of limit: Duration) -> Duration { min(limit / 10, .seconds(86_400)) }
}
