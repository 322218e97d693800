// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What operators decide on maintenance, and what they see of it.
extension CoordinatorCore {
  /// Changes a project's window, the limit for its master keys' age, or whether rotations are put off by themselves.
  ///
  /// Throws `CoordinatorError` if the project is unknown or a value can't be.
  public mutating func setMaintenance(
    _ name: ProjectName, _ change: MaintenanceChange, now: Instant
  ) throws(CoordinatorError) -> Decision<ProjectRecord> {
    var project = try self.project(name)
    var maintenance = project.maintenance ?? MaintenanceRecord()
    func invalid(_ why: String, next: String? = nil) -> CoordinatorError {
      CoordinatorError(.invalid, "The maintenance of project \(name) was not changed.", why: why, next: next ?? "")
    }
    if let window = change.window {
      do { try window.validate() } catch { throw invalid(error.description) }
      maintenance.window = window
    } else if change.removesWindow {
      maintenance.window = nil
    }
    if let days = change.rotationDays {
      guard CoordinatorLimits.rotationDaysAllowed.contains(days) else {
        throw invalid(
          "Master keys can't be rotated every \(days) days.",
          next: "Say \(CoordinatorLimits.rotationDaysAllowed.lowerBound) to "
            + "\(CoordinatorLimits.rotationDaysAllowed.upperBound) days.")
      }
      maintenance.rotationDays = days
    }
    if let isOn = change.automaticDeferral { maintenance.automaticDeferral = isOn }
    project.maintenance = maintenance
    put(project)
    return Decision(project, flush())
  }

  /// Puts the next rotation of a cluster off by a week; at most twice, then it starts by itself.
  ///
  /// Throws `CoordinatorError` if there is nothing to put off, or it was put off often enough.
  public mutating func deferRotation(
    _ name: ClusterName, by admin: OperatorName, now: Instant
  ) throws(CoordinatorError) -> Decision<ClusterRecord> {
    let cluster = try self.cluster(name)
    func refused(_ why: String, next: String) -> CoordinatorError {
      CoordinatorError(.refused, "The rotation of cluster \(name) was not deferred.", why: why, next: next)
    }
    guard let outlook = outlook(of: cluster, now: now) else {
      throw refused("The cluster is not encrypted.", next: "Encrypt it with: keyfold cluster encrypt \(name)")
    }
    if let plan = openPlans(of: name).first(where: { $0.kind == .rotateMasterKeys }) {
      throw refused("It is under way.", next: "Watch it with: keyfold plan watch \(plan.id)")
    }
    let start = nextStart(outlook, of: cluster, now: now)
    let shown = OperatorTime(milliseconds: start.milliseconds)
    guard cluster.rotation?.deferrals ?? 0 < CoordinatorLimits.maximumDeferrals else {
      throw refused(
        "It was deferred \(CoordinatorLimits.maximumDeferrals) times.", next: "It starts by itself on \(shown).")
    }
    // The notice is for the first one: the second may follow at once.
    guard cluster.rotation?.deferrals ?? 0 > 0 || start - now <= CoordinatorLimits.deferralNotice else {
      let earliest = OperatorTime(milliseconds: (start - CoordinatorLimits.deferralNotice).milliseconds)
      throw refused("It starts on \(shown).", next: "It can be deferred from \(earliest) on.")
    }
    postpone(cluster, by: admin, now: now)
    return Decision(try self.cluster(name), flush())
  }

  /// When the master keys of encrypted clusters are rotated next, soonest first; of one cluster if it is named.
  public func rotations(of only: ClusterName?, now: Instant) -> [RotationView] {
    clusters.filter { only == nil || $0.name == only }.compactMap { rotation(of: $0, now: now) }
      .sorted { ($0.startsAt, $0.cluster) < ($1.startsAt, $1.cluster) }
  }

  /// When the master keys of a cluster are rotated next, nil if it is not encrypted.
  func rotation(of cluster: ClusterRecord, now: Instant) -> RotationView? {
    guard let outlook = outlook(of: cluster, now: now) else { return nil }
    let plan = openPlans(of: cluster.name).first { $0.kind == .rotateMasterKeys }
    let isDue = outlook.startsAt <= now && plan == nil
    let start = nextStart(outlook, of: cluster, now: now)
    return RotationView(
      cluster: cluster.name, oldestNode: outlook.node, ageSeconds: outlook.age.map { $0.wholeMilliseconds / 1000 },
      limitDays: Int(outlook.limit.wholeDays), dueAt: OperatorTime(milliseconds: outlook.dueAt.milliseconds),
      startsAt: OperatorTime(milliseconds: start.milliseconds), deferrals: cluster.rotation?.deferrals ?? 0,
      isLate: start > outlook.dueAt, plan: plan?.id,
      waitsFor: plan.map { waiting[$0.id] }
        ?? (isDue ? reasonToWait(of: cluster, now: now) : nil),
      window: window(of: cluster))
  }

  /// How a project's clusters are maintained.
  func maintenanceView(of project: ProjectRecord) -> MaintenanceView {
    MaintenanceView(
      window: project.maintenance?.window,
      rotationDays: project.maintenance?.rotationDays ?? CoordinatorLimits.rotationDays,
      automaticDeferral: project.maintenance?.automaticDeferral ?? false,
      keyAlertDays: Dictionary(
        uniqueKeysWithValues: KMSProvider.allCases.map { ($0.rawValue, keyAlertDays(of: project, $0)) }))
  }

  /// How old the oldest master key in use of each encrypted cluster is, by the clocks that can tell; for metrics.
  public func masterKeyAges(now: Instant) -> [(cluster: ClusterName, age: Duration)] {
    clusters.compactMap { cluster in
      oldestMasterKey(of: cluster, now: now)?.age.map { (cluster.name, $0) }
    }
  }

  /// How long each project's customer key has been in use; for metrics.
  public func customerKeyAges(now: Instant) -> [(project: ProjectName, age: Duration)] {
    projects.compactMap { project in customerKeyAge(of: project, now: now).map { (project.name, $0) } }
  }
}
