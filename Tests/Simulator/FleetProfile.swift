// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// A fleet: many clusters under keys, over months, for the one question whether the right ones close, and only they.
package struct FleetProfile: Sendable {
  package var seed: UInt64
  /// How many nodes there are at least; every site adds those of its clusters.
  package var nodes: Int
  package var days: Int64
  /// How many clusters of three nodes a site has, under one coordinator; nil for one or two, by chance.
  package var clusters: Int?
  /// The mean time between two faults of a site, in milliseconds.
  package var faultInterval: Int64 = 18 * 3_600_000
  /// How old master keys may become if the run is about their rotation, in days.
  package var rotationDays: Int?
  /// A rule that is broken on purpose, to see it found.
  package var broken: BrokenFleetRule?
  /// The most calls that a KMS takes in `KMSQuota.quotaSeconds`.
  package var quota = KMSQuota.smallestQuota(.azure)

  package init(seed: UInt64, nodes: Int = 1000, days: Int64 = 90) {
    (self.seed, self.nodes, self.days) = (seed, nodes, days)
  }
}

/// A rule of the verdicts that the simulated shells can break.
package enum BrokenFleetRule: String, Sendable, CaseIterable {
  /// An outage counts as a revocation.
  case outageIsRevocation
  /// A revocation counts as an outage.
  case revocationIsOutage
  /// Nodes never hear that they are to close.
  case lockoutIsLost
  /// Nodes rotate no master key.
  case rotationIsLost
  /// Nodes ask for no start slots.
  case slotsAreIgnored
}

/// What a fleet went through.
package struct FleetStatistics: Sendable {
  package var nodes = 0
  package var sites = 0
  /// Answers of the KMS to nodes and coordinators.
  package var checks = 0
  /// Nodes that closed while they served, because of their key.
  package var shutdowns = 0
  /// Those without a revocation that two vantage points saw, or that a node alone saw twice.
  package var wrong = 0
  /// Nodes that serve on although their key is revoked, and was so at two scheduled checks that reached the KMS.
  package var missed = 0
  /// Nodes that do not serve although their key has been good, and everything in reach, for long.
  package var stuck = 0
  package var faults: [String: Int] = [:]
  /// The most calls that a KMS had to take in `KMSQuota.quotaSeconds`.
  package var mostCalls = 0
  /// How often a moment began in which a KMS had to take more than its quota.
  package var overQuota = 0
  /// The first sentences about what went wrong.
  package var findings: [String] = []

  package init() {}

  package var isWell: Bool { wrong == 0 && missed == 0 && stuck == 0 && overQuota == 0 && findings.isEmpty }

  mutating func find(_ sentence: String) { if findings.count < 10 { findings.append(sentence) } }

  package mutating func add(_ other: FleetStatistics) {
    nodes += other.nodes
    sites += other.sites
    checks += other.checks
    shutdowns += other.shutdowns
    wrong += other.wrong
    missed += other.missed
    stuck += other.stuck
    mostCalls = max(mostCalls, other.mostCalls)
    overQuota += other.overQuota
    faults.merge(other.faults) { $0 + $1 }
    for finding in other.findings { find(finding) }
  }
}

/// One fleet's run: its sites are independent, so that they are played one after another.
package enum FleetRun {
  /// Plays all sites; `progress` is told after each.
  package static func play(
    _ profile: FleetProfile, progress: (FleetStatistics) -> Void = { _ in }
  ) -> FleetStatistics {
    var total = FleetStatistics()
    var site: UInt64 = 0
    while total.nodes < profile.nodes {
      total.add(play(profile, site: site))
      site += 1
      progress(total)
    }
    return total
  }

  /// Plays one site of so many nodes that all start, rotate and look at their key at once.
  package static func storm(_ profile: FleetProfile, trace: ((String) -> Void)? = nil) -> FleetStatistics {
    var profile = profile
    profile.clusters = (profile.nodes + 2) / 3
    let fleet = FleetSite(profile, number: 0, trace: trace)
    fleet.playStorm()
    return fleet.statistics
  }

  /// Plays one site; `trace` is told all that happens.
  package static func play(
    _ profile: FleetProfile, site: UInt64, trace: ((String) -> Void)? = nil
  ) -> FleetStatistics {
    let fleet = FleetSite(profile, number: site, trace: trace)
    fleet.play()
    return fleet.statistics
  }
}
