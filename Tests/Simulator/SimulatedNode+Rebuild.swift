// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import ReplicationCore

/// Building a generation anew on a node whose own is lost or damaged, as `AgentShell.rebuild` does.
extension SimulatedNode {
  func rebuild(_ command: CommandID, _ order: InitialSyncOrder) throws {
    guard let life = process, let membership = try? Membership(voters: world.nodes.map(\.name)) else { return }
    (life.stage, life.stageSince) = ("making keys", wallClock)
    try step("make a generation")
    let store = SimulatedDisk(SimulatedDisk.Content(baseMembership: membership))
    let fresh = GenerationFiles(id: GenerationID(checked: world.dice.uuid()), store: store)
    disk.add(fresh)
    guard order.encrypted else { return try copy(to: fresh, nil, command, order) }
    makeMasterKey { [unowned self] _, key in
      guard let key else { return try giveUp(fresh, command, "the KMS does not answer") }
      let first = try ["$system.", "$oplog."].map { try KeyID($0 + world.dice.uuid()) }
      let keys = try OpenKeystore.create(
        fresh, identity: identity(of: fresh.id), master: key.id, check: key.check, wrapped: key.wrapped, first: first,
        step)
      world.checkNewKey(key.id, of: self)
      try copy(to: fresh, keys, command, order)
    }
  }

  private func giveUp(_ fresh: GenerationFiles, _ command: CommandID, _ reason: String) throws {
    guard let life = process else { return }
    try disk.destroy(fresh.id, step)
    life.stage = nil
    perform(life.core.onRebuilt(command, outcome: .failed(reason: reason), generation: nil))
  }

  private func copy(
    to fresh: GenerationFiles, _ keys: OpenKeystore?, _ command: CommandID, _ order: InitialSyncOrder
  ) throws {
    process?.stage = "copying"
    copy(from: order.sources.compactMap { world.node($0) }) { [unowned self] snapshot in
      guard let life = process else { return }
      guard let snapshot, life.core.isRebuilding else { return try giveUp(fresh, command, "no member shows a copy") }
      try found(fresh, keys, on: snapshot, lostTerm: order.lostTerm)
      for old in disk.superseded(by: fresh.id) { try disk.destroy(old, step) }
      life.stage = nil
      perform(life.core.onRebuilt(command, outcome: .done, generation: fresh.report))
    }
  }

  /// What the member starts from: the copy's position as the oplog's base, no vote, and the mark of one that lost its
  /// state.
  private func found(
    _ fresh: GenerationFiles, _ keys: OpenKeystore?, on snapshot: CopySnapshot, lostTerm: UInt64
  ) throws {
    for database in 0..<4 where snapshot.databases & (1 << UInt64(database)) != 0 {
      try needKey(ofDatabase: database, keys)
    }
    let votesAtOnce = world.profile.broken == .resyncedVotesAtOnce
    fresh.store.replace {
      ($0.base, $0.baseMembership) = (snapshot.base, snapshot.membership)
      $0.hardState = HardState(term: snapshot.base.term, vote: nil)
      ($0.appliedIndex, $0.appliedChain, $0.databases) = (snapshot.base.index, snapshot.chain, snapshot.databases)
      $0.electableFrom = snapshot.base.index
      $0.mode = votesAtOnce ? .full : .recovering(lostTerm: max(lostTerm, snapshot.base.term))
    }
    try step("mark a generation as served")
    fresh.hasServed = true
    try disk.point(at: fresh.id, step)
    world.oracle.wasBuiltAnew(name)
    if keys != nil { rotations += 1 }
    world.note("\(name) was built anew at \(snapshot.base), lost term \(lostTerm)")
    world.statistics.count("initial sync of one that lost its data")
  }
}
