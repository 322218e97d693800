// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// What happens to a site's key, its links, processes and clocks, and what a shutdown has to rest on.
extension FleetSite {
  private static let minute: Int64 = 60_000

  // MARK: The KMS

  func verdict(for place: Int, clockOffset: Int64) -> Verdict {
    statistics.checks += 1
    noteCall()
    let verdict = kms.verdict(for: place, clockOffset: clockOffset, now: now)
    if said.updateValue(verdict, forKey: place) != verdict { stir() }
    if case .revoked(let reason, _) = verdict { told[place] = (now, !reason.isKeyState) }
    switch (verdict, profile.broken) {
    case (.unreachable, .outageIsRevocation): return .revoked(.keyDisabled, detail: "no answer")
    case (.revoked, .revocationIsOutage): return .unreachable(.timeout, detail: "the key is disabled")
    default: return verdict
    }
  }

  func latency(_ verdict: Verdict) -> Int64 {
    if case .unreachable = verdict { dice.within(1000...20_000) } else { dice.within(5...600) }
  }

  func canAsk(_ place: Int, _ clockOffset: Int64) -> Bool {
    !kms.unreachable.contains(place) && abs(clockOffset) <= SimulatedKMS.clockTolerance
  }

  var isRevokedForAll: Bool { kms.state != .enabled || kms.denied.count == nodes.count + 1 }

  // MARK: What has to be true

  /// A lock-out rests on a revocation that the KMS told the coordinator and a node, both the same kind.
  func judgeLockout(_ cluster: ClusterRecord) {
    let wasLockedOut = isInForce(cluster.name)
    if wasLockedOut || cluster.lockout != nil { lockedOutAt[cluster.name] = now }
    guard cluster.lockout != nil, !wasLockedOut else { return }
    note("\(cluster.name) is locked out")
    func recent(_ place: Int) -> (at: Int64, isDenial: Bool)? {
      told[place].flatMap { now - $0.at <= Self.memory ? $0 : nil }
    }
    let own = recent(coordinatorPlace)
    let isSeenTwice = nodes.contains { node in recent(node.index).map { $0.isDenial == own?.isDenial } ?? false }
    if own == nil || !isSeenTwice { wrong("\(cluster.name) is locked out without a revocation that two saw") }
  }

  /// A node that served has closed because of its key.
  func closed(_ node: FleetNode, reason: String) {
    note("\(node.name) has closed: \(reason)")
    statistics.shutdowns += 1
    stir()
    // A lock-out was judged when it was decided; alone a node closes only on a state of the key that it saw twice.
    if isLockedOut(node.cluster) || node.revocationsInARow >= 2 { return }
    wrong("\(node.name) closed by itself after \(node.revocationsInARow) checks that saw a revoked key: \(reason)")
  }

  /// Whether a cluster is locked out, or was until a moment ago: its nodes may just be closing.
  private func isLockedOut(_ name: ClusterName) -> Bool {
    isInForce(name) || lockedOutAt[name].map { now - $0 <= Self.minute } ?? false
  }

  private func isInForce(_ name: ClusterName) -> Bool {
    if case .cluster(let cluster) = records[RecordKey(kind: .cluster, id: name.text)] { return cluster.lockout != nil }
    return false
  }

  private func wrong(_ sentence: String) {
    statistics.wrong += 1
    find(sentence)
  }

  // MARK: Faults

  func fault() {
    after(dice.within(profile.faultInterval / 20...2 * profile.faultInterval)) { [unowned self] in fault() }
    stir()
    let node = nodes[Int(dice.within(0...Int64(nodes.count - 1)))]
    switch dice.within(0...13) {
    case 0...1: outage()
    case 2...3: revoke(forAll: true)
    case 4: revoke(forAll: false)
    case 5: flap()
    case 6: kill(node)
    case 7...8: cutOff(node)
    case 9: loseCoordinator()
    case 10: turnClock(of: node)
    case 11: cutPower()
    case 12: rotateAll()
    default: operate()
    }
  }

  func count(_ what: String, _ text: String) {
    statistics.faults[what, default: 0] += 1
    note(text)
  }

  /// From a minute to two days, short ones more often.
  private func span() -> Int64 {
    dice.pick([dice.within(1...20), dice.within(10...180), dice.within(120...2880)]).map { $0 * Self.minute } ?? 0
  }

  private func places(all: Bool) -> Set<Int> {
    let places = Array(0...nodes.count)
    return all ? Set(places) : Set(places.filter { _ in dice.chance(500) })
  }

  private func outage() {
    guard kms.unreachable.isEmpty else { return }
    let span = span()
    kms.unreachable = places(all: dice.chance(500))
    count("outage", "the KMS is out of reach for \(kms.unreachable.sorted()), \(span / Self.minute) min")
    after(span) { [unowned self] in
      kms.unreachable = []
      stir()
    }
  }

  private func revoke(forAll: Bool) {
    guard kms.state == .enabled, kms.denied.isEmpty else { return }
    let span = span()
    if forAll {
      switch dice.within(0...2) {
      case 0: kms.state = .disabled
      case 1: kms.state = .pendingDeletion
      default: kms.denied = places(all: true)
      }
      count("revocation", "the key: \(kms.state), denied to \(kms.denied.sorted()), \(span / Self.minute) min")
    } else {
      kms.denied = places(all: false)
      count("partial denial", "the key is denied to \(kms.denied.sorted()), \(span / Self.minute) min")
    }
    after(span) { [unowned self] in
      (kms.state, kms.denied) = (.enabled, [])
      note("the key may be used again")
      stir()
    }
  }

  /// The KMS, or the key, comes and goes.
  private func flap() {
    guard kms.unreachable.isEmpty, kms.state == .enabled, kms.denied.isEmpty else { return }
    let end = now + dice.within(5...180) * Self.minute
    let isKey = dice.chance(300)
    count("flapping", "\(isKey ? "the key" : "the KMS") flaps until \(end)")
    flap(isKey, until: end)
  }

  private func flap(_ isKey: Bool, until end: Int64) {
    let isOver = now >= end
    if isKey {
      kms.state = isOver || kms.state != .enabled ? .enabled : .disabled
    } else {
      kms.unreachable = isOver || !kms.unreachable.isEmpty ? [] : places(all: dice.chance(500))
    }
    stir()
    if !isOver { after(dice.within(5000...240_000)) { [unowned self] in flap(isKey, until: end) } }
  }

  private func kill(_ node: FleetNode) {
    guard node.isUp else { return }
    count("kill", "\(node.name) is killed")
    node.stop()
    after(dice.within(1000...7_200_000)) { if !node.isUp { node.start() } }
  }

  private func cutOff(_ node: FleetNode) {
    let some = dice.chance(400) ? nodes : [node]
    let span = span()
    count("cut", "\(some.map(\.name.text)) can't reach the coordinator, \(span / Self.minute) min")
    for node in some where !node.isCutOff {
      node.isCutOff = true
      node.loseLink()
      after(span) { [unowned self] in
        node.isCutOff = false
        stir()
      }
    }
  }

  private func loseCoordinator() {
    guard core != nil else { return }
    let span = span()
    count("coordinator down", "the coordinator is down for \(span / Self.minute) min")
    stopCoordinator()
    after(span) { [unowned self] in startCoordinator() }
  }

  private func turnClock(of node: FleetNode) {
    let offset = dice.chance(500) ? dice.within(-200_000...200_000) : dice.within(-86_400_000...86_400_000)
    let span = span()
    let isCoordinator = dice.chance(300)
    count("clock", "the clock of \(isCoordinator ? "the coordinator" : node.name.text) is off by \(offset) ms")
    if isCoordinator { clockOffset = offset } else { node.clockOffset = offset }
    after(span) { [unowned self] in
      if isCoordinator { clockOffset = 0 } else { node.clockOffset = 0 }
      stir()
    }
  }

  /// An operator's order.
  private func operate() {
    guard let cluster = dice.pick(clusters) else { return }
    count("order", "an operator's order")
    deferSomeRotation()
    switch dice.within(0...3) {
    case 0: order { try $0.rotateMasterKeys(cluster, now: $1) }
    case 1: order { try $0.restartCluster(cluster, now: $1) }
    case 2: order { try $0.stepDown(cluster, now: $1) }
    default: order { try $0.checkKMS(Self.project, now: $1) }
    }
  }
}
