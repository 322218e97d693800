// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import ReplicationCore

/// A member of the shard on an open generation: Raft's directives performed as `ReplicaMember` does.
final class SimulatedMember {
  struct Batch {
    var index: UInt64
    var writes: Int
  }

  unowned let node: SimulatedNode
  unowned let world: SimulatedWorld
  let startedAt: Int64
  var core: RaftCore
  var files: GenerationFiles
  /// The generation's keys, nil if it is plain.
  var keys: OpenKeystore?
  /// The content of the data in memory, up to the core's applied index, and its databases as bits.
  var appliedChain: UInt64
  var databases: UInt64
  var waiting = 0
  var batch: Batch?
  var isPaused = false
  var isClosed = false
  var isCopying = false
  /// Changes of the members that wait for their commit.
  var changes: [PendingMemberChange] = []
  /// Whether it was told to copy everything anew.
  private var isBehind = false
  private var directives: [RaftDirective] = []
  private var next = 0
  private var isPerforming = false
  private var isPumping = false
  private var hasUnflushed = false

  init(node: SimulatedNode, files: GenerationFiles, keys: OpenKeystore?, held: HeldPosition?) throws {
    self.node = node
    world = node.world
    self.files = files
    self.keys = keys
    startedAt = node.world.now
    let held = held?.generation == files.id ? held : nil
    if files.store.isWhole, let held, held.index > files.store.durable.last.index {
      world.fail("\(node.name) lost nothing, but is said to have held \(held.index)")
    }
    let restored = try files.store.restored(
      ignoringFloor: node.world.profile.broken == .resyncedVotesAtOnce, held: held)
    core = try RaftCore(
      me: node.name, settings: RaftSettings(), restored: restored, seed: node.world.dice.next(), now: .zero)
    appliedChain = files.store.durable.appliedChain
    databases = files.store.durable.databases
  }

  var now: Duration { .milliseconds(world.now - startedAt) }
  private var breaksSync: Bool { world.profile.broken == .acknowledgeBeforeSync }

  func tick() throws {
    guard !isClosed else { return }
    try perform(core.onTick(now: now))
    try promoteLearner()
  }

  /// Members that became learners when the shard went on from one vote again once they have caught up.
  private func promoteLearner() throws {
    let expected = Set(node.process?.core.assignment?.members.map(\.node) ?? [])
    guard !isClosed, let learner = core.promotable(among: expected, now: now),
      case .accepted(_, _, let new) = core.onProposeMembership(.promoteLearner(learner), now: now)
    else { return }
    world.note("\(learner) votes again")
    world.statistics.count("promotion")
    try perform(new)
  }

  func receive(_ message: RaftMessage, from sender: MemberID) throws {
    if !isClosed { try perform(core.onMessage(message, from: sender, now: now)) }
  }

  func peerDisconnected(_ member: MemberID) throws {
    if !isClosed { try perform(core.onPeerDisconnected(member, now: now)) }
  }

  // MARK: Directives

  func perform(_ new: [RaftDirective]) throws {
    directives += new
    guard !isPerforming, !isClosed else { return }
    isPerforming = true
    while next < directives.count || hasUnflushed {
      if next == directives.count { try flush() } else { try performNext() }
    }
    directives.removeAll(keepingCapacity: true)
    next = 0
    isPerforming = false
    try pump()
  }

  private func flush() throws {
    hasUnflushed = false
    if breaksSync {
      node.later(world.dice.within(5...400)) { [self] _ in if !isClosed { files.store.sync() } }
    } else {
      try node.frequentStep("sync the journal")
      files.store.sync()
    }
    directives += core.onPersisted(upTo: core.lastPosition, now: now)
  }

  private func performNext() throws {
    if hasUnflushed, directives[next].waitsForEntries { try flush() }
    let directive = directives[next]
    next += 1
    switch directive {
    case .persistHardState(let state): try persist(state)
    case .truncateLog(let index):
      if index < core.appliedIndex { throw BrokenPromise(sentence: "\(node.name) truncates applied entries") }
      try node.step("truncate the oplog")
      let content = files.store.current
      let end = content.entry(at: index)?.position ?? content.base
      files.store.write(.floor { if $0.end.index > index { $0.end = end } })
      if !breaksSync { files.store.sync() }
      try node.step("truncate the oplog below its floor")
      files.store.write(.truncate(after: index))
      if !breaksSync { files.store.sync() }
    case .appendEntries(let entries): try append(entries)
    case .send(let message, let receiver): try send(message, to: receiver)
    case .sendEntries(let order):
      let entries = entries(after: order.after.index, upTo: min(order.upTo, order.after.index + 64))
      try send(order.message(with: entries), to: order.to)
    case .commitAdvanced(let index): try apply(upTo: index)
    case .becameFollower: loseOffice()
    case .becameLeader:
      world.note("\(node.name) leads term \(core.term)")
      world.statistics.count("election")
      try world.oracle.becameLeader(node.name, core)
      if !world.profile.majorityLoss { try world.oracle.checkElection(of: node.name, core) }
    case .needsInitialSync(let reason):
      if !isBehind { world.note("\(node.name) needs an initial sync: \(reason)") }
      isBehind = true
      if case .contradiction = reason, world.givenUpFor == nil {
        throw BrokenPromise(sentence: "\(node.name) contradicts its primary")
      }
    case .recoveryFinished:
      try node.step("note the recovery")
      world.note("\(node.name) has recovered")
      world.oracle.hasRecovered(node.name)
      world.statistics.count("recovery")
      files.store.replace { ($0.mode, $0.floor.lostTerm) = (.full, nil) }
    case .lostAcknowledged(let term):
      try node.step("note a loss")
      files.store.replace { $0.floor.lostTerm = term }
    case .leaderReady, .peerNeedsInitialSync, .peerLostAcknowledged, .membershipChanged: break
    }
  }

  private func persist(_ state: HardState) throws {
    guard world.profile.broken != .voteNotPersisted else { return }
    try node.frequentStep("persist term and vote")
    files.store.write(.hardState(state))
    if !breaksSync { files.store.sync() }
    try node.frequentStep("raise the floor")
    files.store.write(.floor { $0.hardState = state })
    if !breaksSync { files.store.sync() }
  }

  private func append(_ entries: [LogEntry]) throws {
    for entry in entries {
      try world.oracle.wrote(node.name, entry, after: files.store.current.last)
      world.checkChange(entry, by: self)
      files.store.write(.append(entry))
    }
    if let keys, let id = keys.contents.current[.oplog] { try node.use(id, files) }
    hasUnflushed = true
  }

  func entries(after index: UInt64, upTo last: UInt64) -> [LogEntry] {
    let content = files.store.current
    guard last > index else { return [] }
    return (index + 1...last).compactMap { content.entry(at: $0) }
  }

  private func send(_ message: RaftMessage, to receiver: MemberID) throws {
    try world.oracle.sent(node.name, message, to: receiver)
    node.send(message, to: receiver)
  }

  // MARK: Data

  private func apply(upTo last: UInt64) throws {
    var applied = core.appliedIndex
    while applied < last {
      applied += 1
      guard let entry = files.store.current.entry(at: applied) else {
        throw BrokenPromise(sentence: "\(node.name) has committed \(applied) without having it")
      }
      try apply(entry)
      if let batch, batch.index == applied {
        self.batch = nil
        try world.oracle.acknowledged(entry.position)
        world.acknowledged(batch.writes)
      }
    }
    directives += core.onApplied(last, now: now)
    settleChanges(upTo: last)
  }

  private func apply(_ entry: LogEntry) throws {
    if entry.position.index > world.oracle.committed.count { world.checkQuorum(of: entry, by: self) }
    appliedChain = try world.oracle.applied(node.name, entry, on: appliedChain, term: core.term)
    guard entry.kind == .data, let database = entry.payload.first else { return }
    databases |= 1 << UInt64(database)
    try node.needKey(ofDatabase: Int(database), keys)
  }

  // MARK: Writes

  /// A client's write: false if this member is not primary.
  func write() throws -> Bool {
    guard !isClosed, core.role == .leader, waiting < 100 else { return false }
    waiting += 1
    try pump()
    return true
  }

  func pump() throws {
    guard !isPumping else { return }
    isPumping = true
    defer { isPumping = false }
    while batch == nil, !isPaused, !isPerforming, !isClosed, waiting > 0 {
      guard core.acceptsProposals else {
        if core.role != .leader { waiting = 0 }
        return
      }
      guard core.appliedIndex == core.lastPosition.index else { return }
      let writes = waiting
      waiting = 0
      guard case .accepted(let first, _, let new) = core.onPropose([world.nextPayload()], now: now) else { continue }
      batch = Batch(index: first.index, writes: writes)
      try perform(new)
    }
  }

  private func loseOffice() {
    abandonChanges()
    batch = nil
    waiting = 0
  }

  func handOver() throws -> String? {
    guard !isClosed else { return "the member is closed" }
    let (refusal, new) = core.onTransferLeadership(to: nil, now: now)
    try perform(new)
    return refusal.map { "\($0)" }
  }

  /// Goes on alone, for an operator's word; answers why not, nil if it does.
  func forceSoleVoter(lastIndex: UInt64) throws -> String? {
    guard !isClosed else { return "the member is closed" }
    switch core.onForceSoleVoter(lastIndex: lastIndex, now: now) {
    case .failure(let refusal): return "\(refusal)"
    case .success(let new):
      if !new.isEmpty { world.goesOn(from: self) }
      try perform(new)
      return nil
    }
  }

  func close() {
    isClosed = true
    abandonChanges()
    batch = nil
    waiting = 0
  }
}

extension RaftDirective {
  fileprivate var waitsForEntries: Bool {
    switch self {
    case .persistHardState, .truncateLog, .appendEntries, .sendEntries, .becameFollower: false
    default: true
    }
  }
}
