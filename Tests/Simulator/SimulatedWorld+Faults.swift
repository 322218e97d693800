// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import ReplicationCore

/// What goes wrong, and when it stops.
extension SimulatedWorld {
  func planFaults() {
    every(1000...profile.faultInterval) { [unowned self] in if isFaulty { injectFault() } }
  }

  private func injectFault() {
    guard let node = dice.pick(nodes) else { return }
    switch dice.within(0...12) {
    case 0...1 where profile.crashes:
      if node.process != nil {
        statistics.count("kill")
        node.crash(backIn: 100...45_000)
      }
    case 2...3 where profile.partitions: partition()
    case 4 where profile.partitions: cutOffCoordinator(from: node)
    case 5 where profile.pauses: pause(node)
    case 6 where profile.slowNodes: slowDown(node)
    case 7 where profile.clockJumps: turnClock(of: node)
    case 8 where profile.coordinatorCrashes: coordinator.crash(backIn: 200...40_000)
    case 9 where profile.outages: beginOutage()
    case 10 where profile.revocations: if dice.chance(400) { revoke() }
    case 11 where profile.dataLoss: loseData(node)
    case 12 where profile.majorityLoss: loseMajority()
    default: break
    }
  }

  /// Cuts some links between nodes, in both or in one direction.
  private func partition() {
    statistics.count("partition")
    guard nodes.count > 1, let one = dice.pick(nodes) else { return }
    let isolated = Set(nodes.map(\.index).filter { _ in dice.chance(250) } + [one.index])
    let isOneWay = dice.chance(300)
    var new: [Int] = []
    for from in 0..<nodes.count {
      for to in 0..<nodes.count where isolated.contains(from) != isolated.contains(to) {
        if !isOneWay || isolated.contains(from) { new.append(from * 16 + to) }
      }
    }
    note("cut between nodes: \(isolated.sorted().map { $0 + 1 })\(isOneWay ? ", one way" : "")")
    cut(new, for: dice.within(500...60_000))
  }

  private func cut(_ links: [Int], for span: Int64) {
    cuts.formUnion(links)
    after(span) { [unowned self] in cuts.subtract(links) }
  }

  private func cutOffCoordinator(from node: SimulatedNode) {
    let (place, other) = (coordinatorPlace, node.index)
    note("cut between \(node.name) and the coordinator")
    let span = dice.within(1000...60_000)
    switch dice.within(0...2) {
    case 0: cut([other * 16 + place], for: span)
    case 1: cut([place * 16 + other], for: span)
    default: cut([other * 16 + place, place * 16 + other], for: span)
    }
    guard dice.chance(700) else { return }
    node.dropLink()
    node.connect()
  }

  /// A process is stopped for a while, and goes on as if nothing had been.
  private func pause(_ node: SimulatedNode) {
    let span = dice.within(200...30_000)
    if profile.coordinatorCrashes, dice.chance(200) {
      note("the coordinator is stopped for \(span) ms")
      return coordinator.pausedUntil = now + span
    }
    note("\(node.name) is stopped for \(span) ms")
    node.isRestarting = false
    node.pausedUntil = now + span
  }

  private func slowDown(_ node: SimulatedNode) {
    node.lag = dice.within(20...800)
    note("\(node.name) is slow by \(node.lag) ms")
    after(dice.within(2000...60_000)) { node.lag = 0 }
  }

  private func turnClock(of node: SimulatedNode) {
    let jump = dice.within(-20...20) * dice.within(1000...60_000)
    statistics.count("clock jump")
    if dice.chance(400) {
      note("the coordinator's clock is off by \(jump) ms")
      return coordinator.clockOffset = jump
    }
    note("\(node.name)'s clock is off by \(jump) ms")
    node.clockOffset = jump
  }

  // MARK: The KMS

  private func beginOutage() {
    guard kms.unreachable.isEmpty else { return }
    let places = Array(0...nodes.count)
    kms.unreachable = Set(dice.chance(500) ? places : places.filter { _ in dice.chance(500) })
    note("the KMS is out of reach for \(kms.unreachable.sorted().map { $0 + 1 })")
    statistics.count("outage")
    after(dice.within(5000...400_000)) { [unowned self] in kms.unreachable = [] }
  }

  private func revoke() {
    guard kms.state == .enabled, kms.denied.isEmpty else { return }
    let places = Array(0...nodes.count)
    switch dice.within(0...3) {
    case 0: kms.denied = Set(places)
    case 1: kms.denied = Set(places.filter { _ in dice.chance(500) })
    case 2: kms.state = .pendingDeletion
    default: kms.state = .disabled
    }
    if profile.keyChanges { kms.troubledKey = dice.pick([nil, SimulatedKMS.keyID, SimulatedKMS.otherKeyID]) ?? nil }
    note("the key: \(kms.state), denied to \(kms.denied.sorted().map { $0 + 1 })")
    statistics.count("revocation")
    after(dice.within(20_000...400_000)) { [unowned self] in
      (kms.state, kms.denied) = (.enabled, [])
      note("the key may be used again")
    }
    guard dice.chance(700) else { return }
    after(dice.within(500...20_000)) { [unowned self] in
      _ = coordinator.order { try $0.checkKMS(Self.project, now: $1) }
    }
  }

  // MARK: Data

  /// A node's data is gone or can't be opened any more; one node at a time, as more would be the end of a majority.
  private func loseData(_ node: SimulatedNode) {
    guard let id = node.disk.current, let files = node.disk.files(id), storedPlans.contains(where: { !$0.isOpen })
    else {
      return
    }
    // With a change of the members under way a majority may be smaller than it looks.
    guard memberNodes.contains(where: { $0 === node }), memberNodes.count > 2, !changesMembers,
      memberNodes.allSatisfy({ $0 === node || $0.hasWholeDisk })
    else { return }
    if node.process != nil { node.crash(backIn: 100...20_000) }
    let kind = dice.within(0...2)
    if kind == 0, files.store.durable.floor.end.index > files.store.durable.appliedIndex {
      // What is missing is found by the floor, which lies beside the oplog.
      note("\(node.name) has lost the end of its oplog")
      files.store.replace { $0.perform(.truncate(after: $0.appliedIndex)) }
    } else if kind == 1 {
      note("\(node.name) has lost its data directory")
      node.disk = NodeDisk()
    } else {
      note("\(node.name)'s data is damaged")
      node.damage()
    }
    oracle.lostDisk(node.name)
    statistics.count("data loss")
  }

  /// A majority of the machines is gone: some for good, some until an operator has gone on without them.
  private func loseMajority() {
    let members = memberNodes
    guard !hasLostMajority, hasCluster, members.count > 2, !changesMembers, members.allSatisfy(\.hasWholeDisk) else {
      return
    }
    hasLostMajority = true
    let count = Int(dice.within(Int64(majority)...Int64(members.count - 1)))
    for node in members.shuffled(using: &dice).prefix(count) {
      node.isAway = true
      if node.process != nil { node.crash(backIn: 100...20_000) }
      if dice.chance(400) {
        note("\(node.name) is gone")
      } else {
        note("\(node.name) is gone, and its data")
        if dice.chance(500) { node.disk = NodeDisk() } else { node.damage() }
        oracle.lostDisk(node.name)
      }
    }
    statistics.count("lost majority")
    recoverSoon()
  }

  func heal() {
    note("the faults end")
    isFaulty = false
    cuts = []
    (kms.state, kms.denied, kms.unreachable) = (.enabled, [], [])
    (coordinator.clockOffset, coordinator.pausedUntil) = (0, 0)
    coordinator.start()
    for node in nodes {
      (node.clockOffset, node.pausedUntil, node.lag) = (0, 0, 0)
      if node.process == nil { node.start() }
    }
  }
}
