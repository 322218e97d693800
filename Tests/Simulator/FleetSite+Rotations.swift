// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// Rotations that start by themselves, judged from the outside: by the true age of the keys that nodes hold.
extension FleetSite {
  private static let day: Int64 = 86_400_000
  /// Two deferrals, the way to a window that was missed once, and the longest fault with what follows from it.
  private static let slack = (14 + 14 + 3) * day

  /// Sets how the project is maintained, if this run is about rotations.
  func setUpRotations() {
    guard let days = profile.rotationDays else { return }
    let zones = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]
    let window =
      dice.chance(700)
      ? MaintenanceWindow(
        day: dice.pick(MaintenanceWindow.Day.allCases) ?? .sunday, hour: Int(dice.within(0...23)),
        timeZone: dice.pick(zones) ?? "UTC") : nil
    let change = MaintenanceChange(window: window, rotationDays: days, automaticDeferral: dice.chance(300))
    note("maintenance: \(window.map { "\($0)" } ?? "any time"), every \(days) d")
    order { try $0.setMaintenance(Self.project, change, now: $1) }
  }

  /// An operator puts a rotation off now and then.
  func deferSomeRotation() {
    guard profile.rotationDays != nil, let cluster = dice.pick(clusters), dice.chance(300) else { return }
    order { try $0.deferRotation(cluster, by: OperatorName(checked: "alice"), now: $1) }
  }

  /// No key grows much older than its limit, whatever happens, as long as its node can do something about it.
  func judgeRotations() {
    guard let days = profile.rotationDays else { return }
    for node in nodes where node.generation?.encrypted == true && !node.isReportedOld {
      guard now - node.keyBornAt > Int64(days) * Self.day + Self.slack else { continue }
      node.isReportedOld = true
      find("the master key of \(node.name) is \((now - node.keyBornAt) / Self.day) d old")
    }
  }

  /// One rotation that started by itself follows another of the same cluster only after most of the keys' life, and
  /// none begins outside of the window.
  func judgeStart(of plan: PlanRecord) {
    guard plan.isAutomatic == true, records[RecordKey(kind: .plan, id: plan.id.text)] == nil,
      let days = profile.rotationDays
    else { return }
    stir()
    statistics.faults["automatic rotation", default: 0] += 1
    note("a rotation of \(plan.cluster) starts by itself: \(plan.reason ?? "")")
    if let window = try? core?.project(named: Self.project).maintenance?.window,
      !window.isOpen(at: plan.createdAt.milliseconds)
    {
      find("a rotation of \(plan.cluster) started outside of the window")
    }
    // A clock may be off by a day either way, and the lead is a tenth of the limit.
    if let last = rotatedAt[plan.cluster], now - last < (Int64(days) * 9 / 10 - 2) * Self.day {
      find("rotations of \(plan.cluster) started twice in \((now - last) / Self.day) d")
    }
    rotatedAt[plan.cluster] = now
  }
}
