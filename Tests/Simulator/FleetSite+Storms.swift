// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import CoordinatorCore

/// What was asked of a KMS in the last seconds.
struct CallTally {
  private var moments: [Int64] = []
  private var first = 0
  /// Whether more is asked than the quota lets through.
  private(set) var isOver = false

  /// Notes a call; answers how many there were in the span of the quota, and whether they just became too many.
  mutating func note(at now: Int64, quota: Int) -> (count: Int, isNews: Bool) {
    while first < moments.count, moments[first] <= now - Int64(KMSQuota.quotaSeconds) * 1000 { first += 1 }
    if first > 4096 {
      moments.removeFirst(first)
      first = 0
    }
    moments.append(now)
    let count = moments.count - first
    let was = isOver
    isOver = count > quota
    return (count, isOver && !was)
  }
}

/// A whole fleet that wants its KMS at one moment, and the quota that it must not exceed.
extension FleetSite {
  /// How long everything is given to come to rest: a few minutes, and several calls of each node.
  private var storm: Int64 { 240_000 + Int64(nodes.count) * 600 }

  func noteCall() {
    // In calm times one beat stands for minutes, and makes the calls of all of them at once.
    guard !isCoarse else { return }
    let (count, isNews) = calls.note(at: now, quota: profile.quota)
    statistics.mostCalls = max(statistics.mostCalls, count)
    guard isNews else { return }
    statistics.overQuota += 1
    find("the KMS is called \(count) times in \(KMSQuota.quotaSeconds) s, more than its quota")
  }

  /// Every machine loses its power and gets it back.
  func cutPower() {
    count("power cut", "all nodes restart at once")
    stir()
    for node in nodes where node.isUp {
      node.stop()
      after(dice.within(200...1500)) { if !node.isUp { node.start() } }
    }
  }

  /// An operator orders new master keys for every node.
  func rotateAll() {
    count("rotation of all", "all clusters are to rotate their master keys")
    for cluster in clusters { order { try $0.rotateMasterKeys(cluster, now: $1) } }
  }

  /// Restarts and rotations of all, settings of which all hear at once, and a coordinator that is lost while all wait.
  func playStorm() {
    startCoordinator()
    beat()
    guard setUp(until: 120_000 + storm) else { return find("the clusters were not encrypted in calm times") }
    cutPower()
    calm("after all restarted at once")
    if statistics.overQuota > 0 { return }
    let before = nodes.map { $0.generation?.keystoreVersion ?? 0 }
    rotateAll()
    calm("after all rotated at once")
    let left = zip(nodes, before).count { ($0.generation?.keystoreVersion ?? 0) <= $1 }
    if left > 0 { find("\(left) master keys are not rotated") }
    var other = Self.settings
    other.endpoint = "https://other.vault.azure.net"
    proveKMS(other)
    order { try $0.checkKMS(Self.project, now: $1) }
    calm("after the settings changed")
    cutPower()
    after(20_000) { [unowned self] in stopCoordinator() }
    after(25_000) { [unowned self] in startCoordinator() }
    calm("after all restarted at once, and the coordinator among them")
  }

  private func calm(_ when: String) {
    stirUntil(now + storm)
    let away = nodes.count { !$0.core.isServing }
    if away > 0 { find("\(away) nodes do not serve \(storm / 1000) s \(when)") }
    note("\(when): at most \(statistics.mostCalls) calls in \(KMSQuota.quotaSeconds) s")
  }
}
