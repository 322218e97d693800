// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import FailurePoints
internal import KeyHierarchy
internal import Logging
internal import Replication

/// Re-syncing into a new generation and rotating the master key.
extension AgentShell {
  func resync(_ command: CommandID, encrypted: Bool) async {
    // Who took the key away wants the data closed, not plain, and nothing plain could be taken back.
    if !encrypted, let stored = keystore?.wrappedMasterKey {
      guard keys(for: stored) != nil else {
        let missing = "nothing is copied in the clear before the coordinator sends settings of the key \(stored.keyID)"
        return finish(command, .failed(reason: missing))
      }
      do { try await checkNotRevoked(stored) } catch {
        logger.warning("the data was not copied in the clear", metadata: ["reason": "\(error)"])
        return finish(command, .failed(reason: "nothing is copied in the clear while \(error)"))
      }
    }
    guard let member else { return finish(command, .failed(reason: "the engine is closed")) }
    let target = await copyTarget(encrypted: encrypted)
    let outcome: CommandOutcome
    do {
      try await fill(target, encrypted: encrypted, for: member)
      logger.notice("re-synced", metadata: ["generation": "\(target.id)", "encrypted": "\(encrypted)"])
      outcome = .done
    } catch {
      logger.warning("the re-sync failed", metadata: ["reason": "\(error)"])
      outcome = .failed(reason: "\(error)")
      if await member.liveGeneration.id != target.id { await settle(target, error) }
    }
    let live = await member.liveGeneration
    if live.id == target.id {
      partial = nil
      leftovers.note(in: directory, beside: target.id, logger: logger)
    }
    // The engine may have been closed meanwhile: then the report alone says which generation is live.
    if self.member === member { opened = live }
    finish(command, outcome, generation: report(of: live))
  }

  /// Makes a generation, fills it and goes over to it; closes it if that failed before it was live.
  private func fill(_ target: PartialGeneration, encrypted: Bool, for member: ReplicaMember) async throws {
    let fresh = try await openTarget(target, encrypted: encrypted)
    do {
      try await member.resync(into: fresh, from: sources(for: member), pace: configuration.copyPace) {
        [weak self] progress in
        Task { await self?.note(progress) }  // tidy:allow free-task progress comes from a synchronous callback
      }
    } catch {
      if await member.liveGeneration !== fresh { try? await workshop.run { try fresh.close() } }
      throw error
    }
  }

  /// Makes an empty generation; an encrypted one gets a new master key of its own.
  func makeGeneration(_ id: GenerationID, encrypted: Bool) async throws -> OpenGeneration {
    try directory.create(id)
    let keys = GenerationKeys(keystore: encrypted ? try await makeKeystore(for: id) : nil)
    return try await workshop.run { [directory, cacheBytes, events = storeEvents(of: id)] in
      do {
        return try OpenGeneration.create(id, in: directory, keys: keys, cacheBytes: cacheBytes, events: events)
      } catch {
        keys.wipe()
        throw error
      }
    }
  }

  /// Destroys a generation that is not live; what can't be destroyed now is tried again later.
  func destroy(_ id: GenerationID) async {
    do {
      try await workshop.run { [directory] in
        // A sync that failed after `CURRENT` was replaced leaves the choice to the next start.
        guard try directory.current() != id else { return }
        try directory.destroy(id)
      }
      leftovers.ids.remove(id)
    } catch {
      logger.error("a generation could not be destroyed", metadata: ["generation": "\(id)", "reason": "\(error)"])
      leftovers.ids.insert(id)
    }
  }

  /// Tries again to destroy what could not be destroyed.
  func destroyLeftovers() async {
    if leftovers.isListingOwed, core.runningWork == nil, let live = (liveGeneration() ?? core.generation)?.id {
      leftovers.note(in: directory, beside: live, except: partial?.id, logger: logger)
    }
    for id in leftovers.ids where core.runningWork == nil { await destroy(id) }
    // A node that was shut down keeps no copy it had begun, also if it crashed meanwhile.
    let isUnwanted = core.assignment.map { !$0.running || $0.disabledReason != nil } ?? false
    if let partial, core.runningWork == nil, partial.isStale || isUnwanted || isUnderFormerKey(partial) {
      await giveUp(partial)
    }
  }

  func note(_ progress: CopyProgress) { if core.runningWork != nil { self.progress = progress } }

  private func makeKeystore(for id: GenerationID) async throws -> Keystore {
    guard let keys, let cluster = core.assignment?.cluster else {
      throw AgentError(.keys, "the coordinator has sent no KMS settings")
    }
    let fresh = try await keys.makeMasterKey()
    try checkInForce(keys)
    return try Keystore.create(
      at: directory.keystorePath(of: id),
      identity: KeystoreIdentity(cluster: cluster, node: configuration.node, generation: id), master: fresh.key,
      wrapped: fresh.wrapped)
  }

  /// The members to copy from, secondaries first; the node itself if it is alone.
  private func sources(for member: ReplicaMember) -> CopySources {
    let status = member.status
    let others = status.voters.filter { $0 != configuration.node }
    guard !others.isEmpty else { return CopySources(["itself"]) { _ in try await member.openCopy() } }
    return network.copies(from: others.filter { $0 != status.primary } + others.filter { $0 == status.primary })
  }

  func rotate(_ command: CommandID) async {
    guard let keystore, let keys else {
      return finish(command, .failed(reason: "the node has no keystore or no KMS settings"))
    }
    do {
      let generation = opened?.id
      FailurePoint.reach("rotate.before")
      let fresh = HeldFreshKey(try await keys.makeMasterKey())
      FailurePoint.reach("rotate.wrapped")
      guard opened?.id == generation else { throw AgentError(.keys, "the engine was closed meanwhile") }
      try checkInForce(keys)
      // A database key may have been added meanwhile; the replacement itself compares the version again.
      let version = keystore.version
      try await replace(keystore, as: fresh.wrapped) {
        try keystore.rewrap(under: fresh.key, wrapped: fresh.wrapped, expectedVersion: version)
      }
      FailurePoint.reach("rotate.after")
      logger.notice("master key rotated", metadata: ["masterKey": "\(fresh.key.id)"])
      finish(command, .done)
    } catch {
      finish(command, .failed(reason: "\(error)"))
    }
  }
}
