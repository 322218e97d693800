// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import CoordinatorCore
internal import ReplicationCore

/// What operators ask for, what a client writes, and how a run ends.
extension SimulatedWorld {
  /// How long everything has to settle once the faults have ended, in virtual milliseconds.
  static let patience: Int64 = 100 * 60_000

  /// The whole run.
  func play() {
    coordinator.start()
    for node in nodes { after(dice.within(0...10_000)) { node.start() } }
    every(1000...1000) { [unowned self] in
      coordinator.enter(coordinator.process) { $0.input { $0.onTick(now: $1) } }
    }
    every(profile.writeInterval...(2 * profile.writeInterval)) { [unowned self] in write() }
    planOrders()
    planFaults()
    run(until: profile.faultySpan)
    heal()
    let end = now + Self.patience
    run(until: end) { [unowned self] in unsettled == nil }
    if violation == nil, let unsettled { fail("\(Self.patience / 60_000) minutes after the faults: \(unsettled)") }
    settle()
    statistics.events = timeline.taken
    statistics.virtualMilliseconds = now
  }

  /// No more writes; then all members have to have everything.
  private func settle() {
    guard violation == nil else { return }
    isWriting = false
    run(until: now + 30_000) { [unowned self] in
      let positions = memberNodes.compactMap { $0.process?.member?.core }.map { ($0.lastPosition, $0.appliedIndex) }
      return positions.allSatisfy { $0.0 == positions[0].0 && $0.1 == positions[0].0.index }
    }
    if violation == nil { checkData() }
  }

  // MARK: The client

  func nextPayload() -> [UInt8] {
    writes += 1
    let database = UInt8(truncatingIfNeeded: writes / 40 % 4)
    return [database] + (0..<4).map { UInt8(truncatingIfNeeded: writes >> (8 * $0)) }
  }

  private func write() {
    guard isWriting, let node = nodes.first(where: { $0.isPrimary && $0.process?.core.isServing == true }) else {
      return
    }
    travel(from: clientPlace, to: node.index) {
      node.enter(node.process) { _ = try $0.member?.write() }
    }
  }

  // MARK: Operators

  private func planOrders() {
    orders = [
      { world in
        _ = world.coordinator.order { try $0.createProject(Self.project, now: $1) }
        return world.coordinator.core?.projects.isEmpty == false
      },
      { $0.proveKMS() },
      { world in
        world.founders.allSatisfy { node in
          world.coordinator.order {
            try $0.enrollNode(node.name, cluster: Self.cluster, publicKey: Self.key(of: node), now: $1)
          } != nil
        }
      },
      { world in
        _ = world.coordinator.order { try $0.createCluster(Self.cluster, project: Self.project, nodes: [], now: $1) }
        return world.storedCluster != nil
      },
    ]
    for _ in 0..<dice.within(0...2) { orders.append(randomOrder()) }
    orders.append { $0.orderPlan(.encrypt) { try $0.encryptCluster(Self.cluster, now: $1) } }
    for number in 0..<dice.within(2...7) {
      orders.append(randomOrder())
      if profile.memberChanges, dice.chance(600) { orders.append(memberOrder()) }
      if profile.keyChanges, number.isMultiple(of: 2) { orders.append { $0.changeKey() } }
    }
    orders.append { $0.orderStart() }
    every(2000...12_000) { [unowned self] in
      guard let next = orders.first else { return }
      if dice.chance(400), storedPlans.contains(where: \.isOpen) { return }
      if next(self) { orders.removeFirst() }
    }
  }

  /// However much was shut down before: in the end the cluster has to run.
  func orderStart() -> Bool {
    _ = coordinator.order { try $0.startCluster(Self.cluster, now: $1) }
    return storedCluster?.running == true
  }

  private func proveKMS() -> Bool {
    guard
      let version = try? coordinator.core?.settingsVersion(proposing: SimulatedKMS.settings, for: Self.project)
    else { return false }
    if (try? coordinator.core?.project(named: Self.project))?.kms != nil { return true }
    let verdict = kms.verdict(for: coordinatorPlace, clockOffset: coordinator.clockOffset, now: now)
    guard verdict == .valid else { return false }
    return coordinator.order {
      try $0.onKMSProven(
        Self.project, settings: SimulatedKMS.settings, settingsVersion: version, canary: SimulatedKMS.canary, now: $1)
    } != nil
  }

  private func orderPlan(
    _ kind: PlanKind, _ body: (inout CoordinatorCore, Instant) throws -> Decision<PlanID>
  ) -> Bool {
    if storedCluster?.running == false { _ = coordinator.order { try $0.startCluster(Self.cluster, now: $1) } }
    _ = coordinator.order(body)
    return storedPlans.contains { $0.kind == kind }
  }

  private func randomOrder() -> (SimulatedWorld) -> Bool {
    let kinds: [(inout CoordinatorCore, Instant) throws -> Decision<PlanID>] = [
      { try $0.rotateMasterKeys(Self.cluster, now: $1) }, { try $0.rotateMasterKeys(Self.cluster, now: $1) },
      { try $0.restartCluster(Self.cluster, now: $1) }, { try $0.restartCluster(Self.cluster, now: $1) },
      { try $0.shutdownCluster(Self.cluster, now: $1) }, { try $0.startCluster(Self.cluster, now: $1) },
      { try $0.stepDown(Self.cluster, now: $1) }, { try $0.stepDown(Self.cluster, now: $1) },
      { try $0.decryptCluster(Self.cluster, now: $1) }, { try $0.encryptCluster(Self.cluster, now: $1) },
    ]
    if dice.chance(150) {
      return { $0.coordinator.order { try $0.checkKMS(Self.project, now: $1) } != nil }
    }
    let chosen = kinds[Int(dice.within(0...Int64(kinds.count - 1)))]
    var tries = 0
    return { world in
      tries += 1
      return world.coordinator.order(chosen) != nil || tries > 12
    }
  }
}
