// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import ReplicationCore

/// A link to the coordinator, as both ends know it.
final class SimulatedLink {
  let id: UInt64
  init(id: UInt64) { self.id = id }
}

/// What lives in one life of an agent's process.
final class AgentProcess {
  var core: AgentCore
  let startedAt: Int64
  let address: String
  var member: SimulatedMember?
  var opened: GenerationFiles?
  var leftovers: Set<GenerationID> = []
  var stage: String?
  var stageSince: Int64 = 0
  var ipListVersion: UInt64 = 0
  var link: SimulatedLink?
  /// Where it reaches its peers.
  var peers: [NodeName: String] = [:]
  /// The highest epoch it has heard in this life.
  var highestEpoch: UInt64 = 0
  /// Whether it was seen disabled in this life.
  var wasDisabled = false

  init(core: AgentCore, startedAt: Int64, address: String) {
    self.core = core
    self.startedAt = startedAt
    self.address = address
  }
}

/// A node: its disk, its clock, and while it runs the shell of its agent.
final class SimulatedNode {
  /// How much more often a process dies before a step that is rarely taken.
  static let rareStepRisk: Int64 = 20

  unowned let world: SimulatedWorld
  let index: Int
  let name: NodeName
  var disk = NodeDisk()
  var process: AgentProcess?
  /// How far the wall clock is off.
  var clockOffset: Int64 = 0
  var pausedUntil: Int64 = 0
  /// What everything it sends or gets takes longer.
  var lag: Int64 = 0
  /// When it was last seen to serve as a full member.
  var wellAt: Int64 = 0
  /// Whether it is out of service because of a restart that a plan asked for, and of nothing else.
  var isRestarting = false
  /// Whether the machine is gone, until somebody brings it back.
  var isAway = false
  /// Whether nobody ever does.
  var isGoneForGood = false
  /// Whether it joined a cluster that was there before.
  var joined = false
  /// Whether all it has is being destroyed.
  var isLeaving = false
  /// How often its keystore was put under another master key.
  var rotations = 0
  /// What it has to say of its calls to the KMS; on its disk.
  var keyUses = KeyUseQueue(boot: BootID(checked: "00000000-0000-4000-8000-000000000000"))
  /// The master key that a rotation was writing.
  var rotationUnderWay: MasterKeyID?

  init(world: SimulatedWorld, index: Int) {
    self.world = world
    self.index = index
    name = NodeName(checked: "node-\(index + 1)")
  }

  /// Whether its disk has all that it acknowledged.
  var hasWholeDisk: Bool { disk.current.flatMap(disk.files)?.isWhole == true }

  func damage() { disk.current.flatMap(disk.files)?.isDamaged = true }

  var wallClock: Int64 { SimulatedWorld.epochStart + world.now + clockOffset }
  var isServing: Bool { process?.core.isServing == true && process?.member?.isClosed == false }
  /// Whether it serves, and could vote and acknowledge.
  var isWell: Bool { isServing && process?.member?.core.isRecovering == false }
  var isPrimary: Bool { process?.member.map { !$0.isClosed && $0.core.role == .leader } ?? false }

  // MARK: Life

  /// Runs `body` in this life of the process; later if the process is stopped meanwhile. Whatever it throws ends it.
  func enter(_ life: AgentProcess?, _ body: @escaping (AgentProcess) throws -> Void) {
    guard let life, process === life, world.violation == nil else { return }
    if pausedUntil > world.now {
      return world.after(pausedUntil - world.now) { [unowned self] in enter(life, body) }
    }
    do { try body(life) } catch is PowerLoss {
      world.statistics.count("crash at a durable step")
      crash(backIn: 50...20_000)
    } catch { world.fail("\(error)") }
  }

  func later(_ delay: Int64, _ body: @escaping (AgentProcess) throws -> Void) {
    let life = process
    world.after(delay) { [unowned self] in enter(life, body) }
  }

  /// A durable step is about to be taken: the power may go first.
  func step(_ what: String) throws { try step(what, times: Self.rareStepRisk) }

  /// One of the steps of which there are many: each is that much less of a risk.
  func frequentStep(_ what: String) throws { try step(what, times: 1) }

  private func step(_ what: String, times factor: Int64) throws {
    guard world.isFaulty, world.dice.rarely(world.profile.crashesPerStep * factor) else { return }
    world.note("\(name) dies before it can \(what)")
    throw PowerLoss()
  }

  func start() {
    guard process == nil, !isAway, world.violation == nil else { return }
    guard let generation = inspectDisk() else { return }
    let boot = BootID(checked: world.dice.uuid())
    let port = world.profile.movingAddresses ? 20_000 + Int(world.dice.next() % 16_384) : 7451 + index
    let life = AgentProcess(
      core: AgentCore(
        node: name, boot: boot, generation: generation.report, damage: generation.damage, timing: AgentTiming(),
        seed: world.dice.next()),
      startedAt: world.now, address: "10.0.0.\(index + 1):\(port)")
    life.leftovers = generation.leftovers
    process = life
    keyUses.begin(boot: boot)
    world.note("\(name) starts" + (generation.report.map { " on \($0.id.text.prefix(8))" } ?? ""))
    keepTime(life)
    connect()
  }

  /// What the disk holds; superseded generations go first. Nil if the power went meanwhile.
  private func inspectDisk() -> (report: GenerationReport?, damage: DamageReport?, leftovers: Set<GenerationID>)? {
    do {
      if let current = disk.current, disk.files(current) == nil {
        if isLeaving {
          return (nil, DamageReport(file: "CURRENT", reason: "it does not name a generation that exists"), [])
        }
        world.fail("\(name) has lost its data: CURRENT names \(current), which is gone")
        return nil
      }
      if world.profile.broken != .keysSurviveLeaving || disk.current != nil {
        for old in disk.superseded(by: disk.current) { try disk.destroy(old, step) }
      }
    } catch is PowerLoss {
      crash(backIn: 50...5000)
      return nil
    } catch {
      world.fail("\(name): \(error)")
      return nil
    }
    if let live = disk.current.flatMap(disk.files) {
      // One that is leaving destroys its keystore first, and may be stopped over that.
      let held = Set((live.keystore?.entries ?? []).map(\.id.text))
      if !isLeaving, let id = live.usedKeys.map(\.text).filter({ !held.contains($0) }).min() {
        world.fail("\(name) has bytes under key \(id), which its keystore does not hold")
      }
      return (live.report, nil, [])
    }
    return (nil, nil, [])
  }

  private func keepTime(_ life: AgentProcess) {
    repeating(100, life) { try $0.member?.tick() }
    repeating(250, life) { [unowned self] life in perform(life.core.onTick(now: monotonic(life))) }
    repeating(1000, life) { [unowned self] _ in report() }
    repeating(world.profile.checkpointInterval, life) { [unowned self] life in
      try life.member?.checkpoint()
      try destroyLeftovers(life)
      if world.profile.broken == .rotateUnasked, isServing { rotate(CommandID(checked: world.dice.uuid())) }
    }
  }

  private func repeating(_ interval: Int64, _ life: AgentProcess, _ body: @escaping (AgentProcess) throws -> Void) {
    world.after(interval) { [unowned self] in
      enter(life) { [unowned self] life in
        repeating(interval, life, body)
        try body(life)
      }
    }
  }

  func monotonic(_ life: AgentProcess) -> Milliseconds { world.now - life.startedAt }

  /// kill -9, or the power goes: what was not synced may be lost.
  func crash(backIn range: ClosedRange<Int64>) {
    world.note("\(name) crashes")
    isRestarting = false
    let losesAll = world.profile.broken == .acknowledgeBeforeSync
    disk.crash(&world.dice, losesAll: losesAll)
    if let key = rotationUnderWay, disk.generations.contains(where: { $0.keystore?.masterKeyID == key }) {
      rotations += 1
    }
    rotationUnderWay = nil
    end()
    world.after(world.dice.within(range)) { [unowned self] in start() }
  }

  /// The process ends; its peers and the coordinator may notice.
  func end() {
    dropLink()
    process = nil
    pausedUntil = 0
    for other in world.nodes where other !== self && world.dice.chance(400) {
      let life = other.process
      world.after(world.dice.within(1...300)) { [unowned self] in
        other.enter(life) { try $0.member?.peerDisconnected(self.name) }
      }
    }
  }

  // MARK: Peers

  /// Sends a message to another member; it gets lost if the peer has moved meanwhile.
  func send(_ message: RaftMessage, to receiver: MemberID) {
    guard let other = world.node(receiver), let life = process else { return }
    let address = life.peers[receiver]
    world.travel(from: index, to: other.index) { [unowned self] in
      guard let peer = other.process, peer.address == address else { return }
      other.enter(peer) { try $0.member?.receive(message, from: self.name) }
    }
  }
}
