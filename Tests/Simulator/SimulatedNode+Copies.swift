// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import ReplicationCore

/// A re-sync on its way.
struct Resync {
  let command: CommandID
  let member: SimulatedMember
  let fresh: GenerationFiles
  var keys: OpenKeystore?
  var databases: UInt64 = 0
}

/// Re-syncing into a new generation: the durable steps in the order of `ReplicaMember.resync`.
extension SimulatedNode {
  /// How long a member waits for its oplog to reach the copy's base.
  private static let logDeadline: Int64 = 60_000
  /// How many entries may be left to carry over while batches are held back.
  private static let swapLag: UInt64 = 64

  func resync(_ command: CommandID, encrypted: Bool) throws {
    guard let life = process, let member = life.member, !member.isClosed else {
      return finish(command, .failed(reason: "the engine is closed"))
    }
    (life.stage, life.stageSince) = ("making keys", wallClock)
    try step("make a generation")
    let content = SimulatedDisk.Content(baseMembership: member.core.memberships.base)
    let fresh = GenerationFiles(id: GenerationID(checked: world.dice.uuid()), store: SimulatedDisk(content))
    disk.add(fresh)
    member.isCopying = true
    let resync = Resync(command: command, member: member, fresh: fresh)
    guard encrypted else { return try beginCopy(resync) }
    makeMasterKey { [unowned self] _, key in
      guard let key else { return try abandon(resync, "the KMS does not answer") }
      var resync = resync
      let first = try ["$system.", "$oplog."].map { try KeyID($0 + world.dice.uuid()) }
      resync.keys = try OpenKeystore.create(
        fresh, identity: identity(of: fresh.id), master: key.id, check: key.check, wrapped: key.wrapped, first: first,
        step)
      world.checkNewKey(key.id, of: self)
      try beginCopy(resync)
    }
  }

  private func abandon(_ resync: Resync, _ reason: String) throws {
    resync.member.isCopying = false
    if disk.current != resync.fresh.id { try disk.destroy(resync.fresh.id, step) }
    finish(resync.command, .failed(reason: reason), generation: resync.member.files.report)
  }

  /// Copies from a secondary if one can show a copy, else from the primary; from itself if it is alone.
  private func beginCopy(_ resync: Resync) throws {
    let voters = resync.member.core.membership.voters.filter { $0 != name }
    let leader = resync.member.core.leader
    let others = voters.filter { $0 != leader } + voters.filter { $0 == leader }
    process?.stage = "copying"
    copy(from: others.isEmpty ? [self] : others.compactMap { world.node($0) }) { [unowned self] snapshot in
      guard let snapshot else { return try abandon(resync, "no member shows a copy") }
      try load(snapshot, resync)
    }
  }

  /// Copies from the first of some members that shows a copy and goes on to its end; nil if none does.
  func copy(from sources: [SimulatedNode], _ done: @escaping (CopySnapshot?) throws -> Void) {
    guard let source = sources.first else { return later(0) { _ in try done(nil) } }
    let rest = Array(sources.dropFirst())
    askForSnapshot(of: source) { [unowned self] snapshot, served in
      guard let snapshot, let served else { return copy(from: rest, done) }
      later(world.dice.within(500...15_000)) { [unowned self] _ in
        guard !served.isClosed, !isCut(from: source.index) else { return copy(from: rest, done) }
        try done(snapshot)
      }
    }
  }

  private func isCut(from place: Int) -> Bool { world.isFaulty && world.cuts.contains(place * 16 + index) }

  private func askForSnapshot(
    of source: SimulatedNode, _ done: @escaping (CopySnapshot?, SimulatedMember?) throws -> Void
  ) {
    var isAnswered = false
    let life = process
    let answer = { [unowned self] (snapshot: CopySnapshot?, member: SimulatedMember?) in
      // Whoever asked may be gone by the time that the question arrives.
      guard process === life else { return }
      later(source === self ? 0 : world.dice.within(1...20)) { _ in
        guard !isAnswered else { return }
        isAnswered = true
        try done(snapshot, member)
      }
    }
    world.travel(from: index, to: source.index) {
      source.enter(source.process) { answer($0.member?.snapshot, $0.member) }
    }
    later(5000) { _ in answer(nil, nil) }
  }

  /// The copy is there: the keys of its databases, then its data.
  private func load(_ snapshot: CopySnapshot, _ resync: Resync) throws {
    for database in 0..<4 where snapshot.databases & (1 << UInt64(database)) != 0 {
      try needKey(ofDatabase: database, resync.keys)
    }
    try step("checkpoint a copy")
    process?.stage = "catching up"
    try catchUp(snapshot, resync, until: world.now + Self.logDeadline)
  }

  private func catchUp(_ snapshot: CopySnapshot, _ resync: Resync, until deadline: Int64) throws {
    let member = resync.member
    guard !member.isClosed, world.now < deadline else { return try abandon(resync, "the oplog did not reach the copy") }
    guard member.core.commitIndex >= snapshot.base.index else {
      if member.core.needsInitialSync { return try installWhenIdle(snapshot, resync) }
      return later(200) { [unowned self] _ in try catchUp(snapshot, resync, until: deadline) }
    }
    guard member.core.log.contains(snapshot.base) else {
      return try abandon(resync, "the copy's position is not in this member's oplog")
    }
    try step("carry the oplog over")
    let core = member.core
    resync.fresh.store.replace { content in
      content.hardState = core.hardState
      content.base = core.log.base
      content.baseMembership = core.memberships.base
      content.entries = member.entries(after: core.log.base.index, upTo: core.commitIndex)
      content.mode = member.files.store.durable.mode
      content.electableFrom = member.files.store.durable.electableFrom
    }
    if let keys = resync.keys, let id = keys.contents.current[.oplog] { resync.fresh.usedKeys.insert(id) }
    try applyCarried(snapshot, resync)
    later(world.dice.within(5...300)) { [unowned self] _ in try swapWhenIdle(resync) }
  }

  /// The primary's oplog starts too late for this member: the copy takes the place of data and oplog.
  private func installWhenIdle(_ snapshot: CopySnapshot, _ resync: Resync) throws {
    let member = resync.member
    guard !member.isClosed, snapshot.base.index >= member.core.commitIndex, member.core.role != .leader else {
      return try abandon(resync, "the copy can't be installed")
    }
    try step("install a copy")
    let directives = try member.install(snapshot, in: resync.fresh)
    world.statistics.count("initial sync of one that was behind")
    try goOver(resync)
    try member.perform(directives)
  }

  private func applyCarried(_ snapshot: CopySnapshot, _ resync: Resync) throws {
    var (chain, databases) = (snapshot.chain, snapshot.databases)
    var applied = snapshot.base.index
    let last = resync.fresh.store.durable.last.index
    while applied < last, let entry = resync.fresh.store.durable.entry(at: applied + 1) {
      chain = try world.oracle.applied(name, entry, on: chain, term: resync.member.core.term)
      if entry.kind == .data, let database = entry.payload.first {
        databases |= 1 << UInt64(database)
        try needKey(ofDatabase: Int(database), resync.keys)
      }
      applied += 1
    }
    try step("checkpoint a copy")
    resync.fresh.store.replace { ($0.appliedIndex, $0.appliedChain, $0.databases) = (applied, chain, databases) }
  }

  /// Holds back new batches and waits until none is on its way; then everything left in one go.
  private func swapWhenIdle(_ resync: Resync) throws {
    let member = resync.member
    guard !member.isClosed else { return try abandon(resync, "the node is closing") }
    member.isPaused = true
    guard member.batch == nil else { return later(10) { [unowned self] _ in try swapWhenIdle(resync) } }
    let content = resync.fresh.store.durable
    guard member.core.log.contains(content.last) else {
      member.isPaused = false
      return try abandon(resync, "the copied oplog is not this member's")
    }
    try step("carry the rest over")
    let core = member.core
    let rest = member.entries(after: content.last.index, upTo: core.lastPosition.index)
    resync.fresh.store.replace {
      $0.hardState = core.hardState
      $0.entries += rest
      $0.mode = member.files.store.durable.mode
    }
    for database in 0..<4 where member.databases & (1 << UInt64(database)) != 0 {
      try needKey(ofDatabase: database, resync.keys)
    }
    resync.fresh.store.replace {
      ($0.appliedIndex, $0.appliedChain) = (core.appliedIndex, member.appliedChain)
      $0.databases = member.databases
    }
    try goOver(resync)
  }

  private func goOver(_ resync: Resync) throws {
    guard let life = process else { return }
    let (member, old) = (resync.member, resync.member.files)
    try step("mark a generation as served")
    let floor = old.store.current.floor
    resync.fresh.store.replace {
      $0.floor = floor
      $0.floor.end = $0.last
    }
    resync.fresh.hasServed = true
    if world.profile.broken == .destroyBeforeRename { try disk.destroy(old.id, step) }
    try disk.point(at: resync.fresh.id, step)
    (member.files, member.keys) = (resync.fresh, resync.keys)
    member.isCopying = false
    life.stage = "swapping"
    world.note("\(name) went over to \(resync.fresh.id.text.prefix(8))")
    world.statistics.count("re-sync")
    if resync.keys != nil { rotations += 1 }
    later(world.dice.within(0...500)) { [unowned self] life in
      member.isPaused = false
      try member.pump()
      if life.member === member, !member.isClosed { life.opened = resync.fresh }
      try disk.destroy(old.id, step)
      finish(resync.command, .done, generation: resync.fresh.report)
    }
  }

  func destroyLeftovers(_ life: AgentProcess) throws {
    guard life.core.runningWork == nil, let opened = life.opened else { return }
    for id in disk.superseded(by: opened.id) where id != disk.current { try disk.destroy(id, step) }
  }
}
