// SPDX-License-Identifier: GPL-3.0-or-later

/// How old open plans and access entries are: the time that really passed, in which a clock that is set
/// ahead or back has no part.
///
/// A deadline takes something back that an operator ordered, so it must not come early: what is counted is only what a
/// running coordinator saw pass, from tick to tick. The time in which none ran could as well be a clock that was set,
/// and is not counted; nor could anything that the plan waits for have come about in it. The same holds for the time in
/// which its cluster is disabled or shut down. An access entry ends by the clock too (`remaining(of:now:)`): what lets
/// somebody in must not stay because nobody was there to see it end.
extension CoordinatorCore {
  /// Lets open plans grow older by the time since the last look. What they reached is kept in steps, as long as a
  /// deadline is ahead of it.
  mutating func growOlder(now: Instant) {
    let passed = now - agedAt
    guard passed < .zero || passed >= CoordinatorLimits.tickInterval else { return }
    agedAt = now
    guard passed > .zero else { return }
    growAccessOlder(by: min(passed, CoordinatorLimits.longestTick))
    for plan in planRecords.values where plan.isOpen && isOnItsWay(plan) {
      let unkept = (unkeptAges[plan.id] ?? .zero) + min(passed, CoordinatorLimits.longestTick)
      unkeptAges[plan.id] = unkept
      guard unkept >= CoordinatorLimits.ageStep, Self.keptAge(of: plan) <= Self.deadline(of: plan) else { continue }
      var plan = plan
      plan.passedMilliseconds = (Self.keptAge(of: plan) + unkept).wholeMilliseconds
      unkeptAges[plan.id] = nil
      put(plan)
    }
  }

  /// Whether anything can be done for a plan as its cluster is wanted.
  private func isOnItsWay(_ plan: PlanRecord) -> Bool {
    guard let cluster = clusterRecords[plan.cluster], cluster.lockout == nil else { return false }
    return cluster.running || plan.kind == .shutDown
  }

  /// How long a plan has been open, as far as coordinators ran and could work on it.
  func age(of plan: PlanRecord) -> Duration { Self.keptAge(of: plan) + (unkeptAges[plan.id] ?? .zero) }

  private static func deadline(of plan: PlanRecord) -> Duration {
    plan.deadlineMilliseconds.map { .milliseconds($0) } ?? CoordinatorLimits.createDeadline
  }

  private static func keptAge(of plan: PlanRecord) -> Duration { .milliseconds(plan.passedMilliseconds ?? 0) }
}
