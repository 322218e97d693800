// SPDX-License-Identifier: GPL-3.0-or-later

/// When the master keys of a cluster are rotated next, as an operator sees it.
public struct RotationView: Sendable, Codable, Equatable {
  /// The cluster.
  public var cluster: ClusterName
  /// The node whose master key in use is the oldest.
  public var oldestNode: NodeName
  /// How old that key is in seconds; nil if no clock can tell.
  public var ageSeconds: Int64?
  /// How old a master key may become, in days.
  public var limitDays: Int
  /// When the oldest key reaches that age.
  public var dueAt: OperatorTime
  /// When the rotation starts by itself, deferrals counted.
  public var startsAt: OperatorTime
  /// How often this rotation was put off by a week.
  public var deferrals: Int
  /// Whether it starts only after the limit, or the limit is over already.
  public var isLate: Bool
  /// The plan that rotates them now, nil if none does.
  public var plan: PlanID?
  /// Why it has not started although it is time, nil if it is not time or nothing is in its way.
  public var waitsFor: String?
  /// The maintenance window, nil if the project has none.
  public var window: MaintenanceWindow?

  /// Makes a view of its parts.
  public init(
    cluster: ClusterName, oldestNode: NodeName, ageSeconds: Int64?, limitDays: Int, dueAt: OperatorTime,
    startsAt: OperatorTime, deferrals: Int, isLate: Bool, plan: PlanID?, waitsFor: String?, window: MaintenanceWindow?
  ) {
    self.cluster = cluster
    self.oldestNode = oldestNode
    self.ageSeconds = ageSeconds
    self.limitDays = limitDays
    self.dueAt = dueAt
    self.startsAt = startsAt
    self.deferrals = deferrals
    self.isLate = isLate
    self.plan = plan
    self.waitsFor = waitsFor
    self.window = window
  }
}

/// How a project's clusters are maintained, as an operator sees it.
public struct MaintenanceView: Sendable, Codable, Equatable {
  /// The window in which maintenance begins, nil for any time.
  public var window: MaintenanceWindow?
  /// How old master keys may become, in days.
  public var rotationDays: Int
  /// Whether each rotation is put off by a week once, by itself.
  public var automaticDeferral: Bool
  /// After how many days of one customer's key the alert opens, by provider; 0 is never.
  public var keyAlertDays: [String: Int]

  /// Makes a view of its parts.
  public init(window: MaintenanceWindow?, rotationDays: Int, automaticDeferral: Bool, keyAlertDays: [String: Int]) {
    self.window = window
    self.rotationDays = rotationDays
    self.automaticDeferral = automaticDeferral
    self.keyAlertDays = keyAlertDays
  }
}
