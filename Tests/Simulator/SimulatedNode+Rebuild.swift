// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import ReplicationCore

/// Building a generation anew on a node that has none to serve from: the durable steps of `GenerationRebuild.run`.
extension SimulatedNode {
  func rebuild(_ command: CommandID, _ order: InitialSyncOrder) throws {
    guard let life = process else { return }
    guard let source = order.sources.lazy.compactMap({ self.world.node($0) }).first else {
      return giveUp(command, "no source was named")
    }
    (life.stage, life.stageSince) = ("making keys", wallClock)
    try step("make a generation")
    let content = SimulatedDisk.Content(baseMembership: try Membership(voters: [name]))
    let fresh = GenerationFiles(id: GenerationID(checked: world.dice.uuid()), store: SimulatedDisk(content))
    disk.add(fresh)
    guard order.encrypted else { return copy(from: source, into: fresh, keys: nil, command, order) }
    makeMasterKey { [unowned self] _, key in
      guard let key else { return try abandon(fresh, command, "the KMS does not answer") }
      let first = try ["$system.", "$oplog."].map { try KeyID($0 + world.dice.uuid()) }
      let keys = try OpenKeystore.create(
        fresh, identity: identity(of: fresh.id), master: key.id, check: key.check, wrapped: key.wrapped, first: first,
        step)
      copy(from: source, into: fresh, keys: keys, command, order)
    }
  }

  private func copy(
    from source: SimulatedNode, into fresh: GenerationFiles, keys: OpenKeystore?, _ command: CommandID,
    _ order: InitialSyncOrder
  ) {
    process?.stage = "copying"
    askForSnapshot(of: source) { [unowned self] snapshot, served in
      guard let snapshot, let served else { return try abandon(fresh, command, "\(source.name) shows no copy") }
      later(world.dice.within(500...15_000)) { [unowned self] life in
        guard life.core.isRebuilding, !served.isClosed else { return try abandon(fresh, command, "the copy broke off") }
        try found(fresh, snapshot, keys, order)
        life.stage = nil
        perform(life.core.onRebuilt(command, outcome: .done, generation: fresh.report))
      }
    }
  }

  private func found(
    _ fresh: GenerationFiles, _ snapshot: CopySnapshot, _ keys: OpenKeystore?, _ order: InitialSyncOrder
  ) throws {
    if let keys {
      let ids = try (0..<4).filter { snapshot.databases & (1 << UInt64($0)) != 0 }
        .map { try KeyID("db\($0)." + world.dice.uuid()) }
      try keys.addKeys(ids, step)
      fresh.usedKeys.formUnion(ids)
      if let id = keys.contents.current[.oplog] { fresh.usedKeys.insert(id) }
    }
    try step("checkpoint a copy")
    fresh.store.replace {
      $0.hardState = HardState(term: snapshot.base.term, vote: nil)
      ($0.base, $0.baseMembership) = (snapshot.base, snapshot.membership)
      ($0.appliedIndex, $0.appliedChain, $0.databases) = (snapshot.base.index, snapshot.chain, snapshot.databases)
      $0.electableFrom = snapshot.base.index
      $0.mode = .recovering(lostTerm: max(order.lostTerm, snapshot.base.term))
    }
    try step("mark a generation as served")
    fresh.hasServed = true
    try disk.point(at: fresh.id, step)
    for old in disk.superseded(by: fresh.id) { try disk.destroy(old, step) }
    world.note("\(name) was built anew from a copy at \(snapshot.base)")
    world.statistics.count("initial sync")
  }

  private func abandon(_ fresh: GenerationFiles, _ command: CommandID, _ reason: String) throws {
    try disk.destroy(fresh.id, step)
    giveUp(command, reason)
  }

  private func giveUp(_ command: CommandID, _ reason: String) {
    guard let life = process else { return }
    life.stage = nil
    perform(life.core.onRebuilt(command, outcome: .failed(reason: reason), generation: nil))
  }
}
