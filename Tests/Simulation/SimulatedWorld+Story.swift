// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel

@testable import CoordinatorCore

/// What operators ask for, what goes wrong meanwhile, and when it stops.
extension SimulatedWorld {
  /// How long faults last, in virtual milliseconds.
  static let faultySpan: Int64 = 14 * 60_000
  /// How long every plan has to finish afterwards.
  static let patience: Int64 = 90 * 60_000

  /// The whole run; throws the first violation.
  func play() throws {
    startCoordinator()
    for agent in members { after(random.within(0...20_000)) { agent.start() } }
    keepClocks()
    scheduleOrders()
    scheduleFaults()
    run(until: Self.epochStart + Self.faultySpan)
    heal()
    let end = now + Self.patience
    let calm = now + 60_000
    run(until: end) { [unowned self] in now > calm && pending.isEmpty && storedPlans.allSatisfy { !$0.isOpen } }
    run(until: now + 30_000)
    if violation == nil { checkEnd() }
    if let violation { throw violation }
  }

  private func keepClocks() {
    every(1000...1000) { [unowned self] in input { $0.onTick(now: $1) } }
    every(400...600) { [unowned self] in runElections() }
    every(400...600) { [unowned self] in checkNodes() }
    for agent in members {
      every(1900...2100) { [unowned self] in
        guard agent.alive, agent.linked else { return }
        let report = agent.report
        toCoordinator(agent) { $0.onHeartbeat(agent.name, report: report, now: $1) }
        if now - agent.lastCheckAt > 15 * 60_000, agent.isServing { agent.check() }
      }
    }
  }

  // MARK: Orders

  private func scheduleOrders() {
    let key = { (number: Int) in String(repeating: "k", count: 38) + "\(10 + number)" }
    pending = [
      { $0.order { try $0.createProject(Self.project, now: $1) } != nil || $0.core?.projectRecords.isEmpty == false },
      { $0.proveKMS() },
      { world in
        world.members.allSatisfy { agent in
          world.order { try $0.enrollNode(agent.name, cluster: Self.cluster, publicKey: key(agent.number), now: $1) }
            != nil
        }
      },
      { world in
        _ = world.order { try $0.createCluster(Self.cluster, project: Self.project, nodes: [], now: $1) }
        return world.storedCluster != nil
      },
      { $0.orderPlan(.encrypt) { try $0.encryptCluster(Self.cluster, now: $1) } },
    ]
    for _ in 0..<random.within(3...7) { pending.append(randomOrder()) }
    pending.append { world in
      _ = world.order { try $0.startCluster(Self.cluster, now: $1) }
      return world.storedCluster?.running == true
    }
    every(2000...15_000) { [unowned self] in
      guard let next = pending.first else { return }
      if random.chance(400), storedPlans.contains(where: \.isOpen) { return }
      if next(self) { pending.removeFirst() }
    }
  }

  private func proveKMS() -> Bool {
    guard let version = try? core?.settingsVersion(proposing: SimulatedKMS.settings, for: Self.project) else {
      return false
    }
    if core?.projectRecords[Self.project]?.kms != nil { return true }
    return order {
      try $0.onKMSProven(
        Self.project, settings: SimulatedKMS.settings, settingsVersion: version, canary: SimulatedKMS.canary, now: $1)
    } != nil
  }

  private func orderPlan(
    _ kind: PlanKind, _ body: (inout CoordinatorCore, Instant) throws -> Decision<PlanID>
  ) -> Bool {
    _ = order(body)
    return storedPlans.contains { $0.kind == kind }
  }

  private func randomOrder() -> (SimulatedWorld) -> Bool {
    let orders: [(inout CoordinatorCore, Instant) throws -> Decision<PlanID>] = [
      { try $0.rotateMasterKeys(Self.cluster, now: $1) }, { try $0.rotateMasterKeys(Self.cluster, now: $1) },
      { try $0.restartCluster(Self.cluster, now: $1) }, { try $0.restartCluster(Self.cluster, now: $1) },
      { try $0.shutdownCluster(Self.cluster, now: $1) }, { try $0.startCluster(Self.cluster, now: $1) },
      { try $0.stepDown(Self.cluster, now: $1) },
    ]
    let chosen = orders[Int(random.within(0...Int64(orders.count - 1)))]
    var tries = 0
    return { world in
      tries += 1
      return world.order(chosen) != nil || tries > 20
    }
  }

  // MARK: Faults

  private func scheduleFaults() {
    every(3000...70_000) { [unowned self] in
      guard faults, let agent = random.pick(members) else { return }
      switch random.within(0...9) {
      case 0...3: agent.die(byCommand: false, backIn: 500...60_000)
      case 4...6: partition(agent)
      case 7: crashCoordinator(backIn: 500...40_000)
      case 8: changeMood(.unreachable, for: random.within(10_000...240_000))
      default: if random.chance(300) { changeMood(.revoked, for: random.within(20_000...600_000)) }
      }
    }
  }

  private func partition(_ agent: SimulatedAgent) {
    guard agent.linked else { return }
    disconnect(agent)
    let life = agent.boot
    after(random.within(2000...45_000)) { [unowned self] in
      if agent.alive, agent.boot == life, !agent.linked { connect(agent) }
    }
  }

  private func changeMood(_ mood: SimulatedKMS.Mood, for span: Int64) {
    guard kms.mood == .valid else { return }
    kms.mood = mood
    if mood == .revoked { kms.revokedAt = now }
    after(span) { [unowned self] in kms.mood = .valid }
  }

  private func heal() {
    faults = false
    kms.mood = .valid
    if process == nil { startCoordinator() }
    for agent in members {
      if !agent.alive { agent.start() } else if !agent.linked { connect(agent) }
    }
  }
}
