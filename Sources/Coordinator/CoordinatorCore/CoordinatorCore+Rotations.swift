// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Rotations of master keys that start by themselves.
extension CoordinatorCore {
  /// Looks at every cluster: whose keys are due, and whether now is the time.
  mutating func attendRotations(now: Instant) {
    if let looked = rotationsLookedAt, now.isWithin(CoordinatorLimits.rotationLook, after: looked) { return }
    rotationsLookedAt = now
    for name in projectRecords.keys.sorted() { watchCustomerKeyAge(of: name, now: now) }
    for name in clusterRecords.keys.sorted() {
      guard let cluster = clusterRecords[name] else { continue }
      for node in cluster.nodes { watchRestartProof(of: node, in: cluster, now: now) }
      let outlook = outlook(of: cluster, now: now)
      watchMasterKeyAge(of: cluster, outlook, now: now)
      guard let outlook, outlook.startsAt <= now else { continue }
      guard reasonToWait(of: cluster, now: now) == nil else { continue }
      if isToBeDeferred(cluster) {
        postpone(cluster, by: nil, now: now)
      } else {
        startRotation(of: cluster, outlook, now: now)
      }
    }
  }

  // MARK: When

  /// When the keys of a cluster are due; nil if it is not encrypted, or not to stay so.
  func outlook(of cluster: ClusterRecord, now: Instant) -> RotationOutlook? {
    guard cluster.encrypted, cluster.encryptionWanted, let oldest = oldestMasterKey(of: cluster, now: now) else {
      return nil
    }
    let maintenance = projectRecords[cluster.project]?.maintenance
    let limit = Duration.seconds(86_400) * (maintenance?.rotationDays ?? CoordinatorLimits.rotationDays)
    let dueAt = oldest.age.map { now + (limit - $0) } ?? now
    let latest = dueAt - RotationOutlook.lead(of: limit)
    var startsAt = latest
    if let window = maintenance?.window, let opening = window.opening(atOrBefore: latest.milliseconds) {
      // A window before the keys were made is none of theirs: with a short limit the next one is, late or not.
      let madeAt = dueAt - limit
      startsAt = Instant(milliseconds: opening)
      if startsAt <= madeAt, let next = window.opening(after: max(madeAt, latest).milliseconds) {
        startsAt = Instant(milliseconds: next)
      }
    }
    if let deferred = deferral(of: cluster, now: now) { startsAt = max(startsAt, deferred) }
    return RotationOutlook(node: oldest.node, age: oldest.age, limit: limit, dueAt: dueAt, startsAt: startsAt)
  }

  /// Until when a rotation is put off. A moment further ahead than any deferral reaches was set before the clock was
  /// set back, and holds nothing up.
  private func deferral(of cluster: ClusterRecord, now: Instant) -> Instant? {
    guard let until = cluster.rotation?.deferredUntil, until - now <= CoordinatorLimits.furthestDeferral else {
      return nil
    }
    return until
  }

  /// When the rotation of a cluster comes, given that it is not put off any more: in the present window or the next.
  func nextStart(_ outlook: RotationOutlook, of cluster: ClusterRecord, now: Instant) -> Instant {
    guard outlook.startsAt <= now else { return outlook.startsAt }
    guard let window = window(of: cluster), !window.isOpen(at: now.milliseconds) else { return now }
    return window.opening(after: now.milliseconds).map { Instant(milliseconds: $0) } ?? now
  }

  func window(of cluster: ClusterRecord) -> MaintenanceWindow? { projectRecords[cluster.project]?.maintenance?.window }

  /// Why a rotation that is due does not start now, nil if it may.
  func reasonToWait(of cluster: ClusterRecord, now: Instant) -> String? {
    if let lockout = cluster.lockout { return "the cluster is disabled: \(lockout.reason)" }
    if !cluster.running { return "the cluster is shut down" }
    if let reason = unlearned(cluster) { return reason }
    if let plan = openPlans(of: cluster.name).first { return "waiting for the plan to \(plan.kind.deed) (\(plan.id))" }
    if let window = window(of: cluster), !window.isOpen(at: now.milliseconds) {
      return "waiting for the maintenance window, \(window)"
    }
    if let last = cluster.rotation?.startedAt, now.isWithin(CoordinatorLimits.rotationPause, after: last) {
      return "a rotation started by itself less than a day ago"
    }
    guard projectRecords[cluster.project]?.lastCheck?.verdict == .valid else {
      return "the last check of the key was not valid: keyfold kms show \(cluster.project)"
    }
    for node in cluster.nodes { if let reason = blocker(at: node, in: cluster, now: now) { return reason } }
    if rotationsUnderWay(in: cluster.project) >= CoordinatorLimits.rotationsAtOnce {
      return "waiting for rotations of other clusters"
    }
    return nil
  }

  /// How many rotations of a project that started by themselves go on now; those that wait for something ask no KMS.
  private func rotationsUnderWay(in project: ProjectName) -> Int {
    planRecords.values.count {
      $0.isOpen && $0.isAutomatic == true && waiting[$0.id] == nil && clusterRecords[$0.cluster]?.project == project
    }
  }

  /// Why a plan that started by itself may not begin its next step: its window is over. What an operator ordered, or
  /// released, goes on at any time.
  func closedWindow(for plan: PlanRecord, in cluster: ClusterRecord, now: Instant) -> String? {
    guard plan.isAutomatic == true, let window = window(of: cluster), !window.isOpen(at: now.milliseconds) else {
      return nil
    }
    return "waiting for the maintenance window, \(window)"
  }

  // MARK: What

  private mutating func startRotation(of cluster: ClusterRecord, _ outlook: RotationOutlook, now: Instant) {
    var cluster = cluster
    let reason =
      "the master key of \(outlook.node) is \(outlook.age.map { "\($0.wholeDays) d" } ?? "of unknown age") old"
    var rotation = cluster.rotation ?? RotationRecord()
    rotation.startedAt = now
    cluster.rotation = rotation
    put(cluster)
    let id = addPlan(
      .rotateMasterKeys, on: cluster.name, steps: rollingSteps(.rotateMasterKeys, of: cluster, now: now),
      reason: reason, now: now)
    if var plan = planRecords[id] {
      plan.isAutomatic = true
      put(plan)
    }
    audit("keys rotate", on: cluster.name.text, "by itself: \(reason)", now: now)
    advance(cluster.name, now: now)
  }

  private func isToBeDeferred(_ cluster: ClusterRecord) -> Bool {
    projectRecords[cluster.project]?.maintenance?.automaticDeferral == true && cluster.rotation?.deferrals ?? 0 == 0
  }

  /// Puts the next rotation of a cluster off by a week from when it would start; answers until when.
  @discardableResult
  mutating func postpone(_ cluster: ClusterRecord, by admin: OperatorName?, now: Instant) -> Instant {
    guard let outlook = outlook(of: cluster, now: now) else { return now }
    let start = nextStart(outlook, of: cluster, now: now)
    var until = start + CoordinatorLimits.deferral
    // The same hour of the next week on the zone's clocks, also over a change of daylight saving.
    if let opening = window(of: cluster)?.opening(after: (until - CoordinatorLimits.deferral / 14).milliseconds) {
      until = Instant(milliseconds: opening)
    }
    var cluster = cluster
    var rotation = cluster.rotation ?? RotationRecord()
    rotation.deferrals += 1
    rotation.deferredUntil = until
    cluster.rotation = rotation
    put(cluster)
    let what = "\(admin == nil ? "by itself, " : "")to \(OperatorTime(milliseconds: until.milliseconds))"
    if let admin {
      audit("keys defer", by: admin, on: cluster.name.text, what, now: now)
    } else {
      audit("keys defer", on: cluster.name.text, what, now: now)
    }
    return until
  }

  /// A rotation succeeded, whoever ordered it: the next one may be put off anew.
  mutating func noteRotated(_ name: ClusterName) {
    guard var cluster = clusterRecords[name], cluster.rotation != nil else { return }
    cluster.rotation?.deferrals = 0
    cluster.rotation?.deferredUntil = nil
    put(cluster)
  }
}
