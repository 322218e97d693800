// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import Logging
internal import Replication

/// Re-syncing into a new generation and rotating the master key.
extension AgentShell {
  func resync(_ command: CommandID, encrypted: Bool) async {
    guard let member else { return finish(command, .failed(reason: "the engine is closed")) }
    let id = GenerationID.random()
    progressStartedAt = Self.wallClock
    progress = CopyProgress(stage: "making keys")
    do {
      try directory.create(id)
      let keystore = encrypted ? try await makeKeystore(for: id) : nil
      let fresh = try OpenGeneration.create(
        id, in: directory, keys: GenerationKeys(keystore: keystore), cacheBytes: cacheBytes, events: storeEvents(of: id)
      )
      do {
        try await member.resync(into: fresh, from: try await source(for: member)) { [weak self] progress in
          Task { await self?.note(progress) }  // tidy:allow free-task progress comes from a synchronous callback
        }
      } catch {
        if await member.liveGeneration !== fresh { try? fresh.close() }
        throw error
      }
      opened = fresh
      logger.notice("re-synced", metadata: ["generation": "\(id)", "encrypted": "\(encrypted)"])
      finish(command, .done)
    } catch {
      logger.warning("the re-sync failed", metadata: ["reason": "\(error)"])
      if await member.liveGeneration.id == id {
        opened = await member.liveGeneration
      } else {
        try? directory.destroy(id)
      }
      finish(command, .failed(reason: "\(error)"))
    }
  }

  private func note(_ progress: CopyProgress) { if core.runningWork != nil { self.progress = progress } }

  private func makeKeystore(for id: GenerationID) async throws -> Keystore {
    guard let keys, let cluster = core.assignment?.cluster else {
      throw AgentError(.keys, "the coordinator has sent no KMS settings")
    }
    let fresh = try await keys.makeMasterKey()
    return try Keystore.create(
      at: directory.keystorePath(of: id),
      identity: KeystoreIdentity(cluster: cluster, node: configuration.node, generation: id), master: fresh.key,
      wrapped: fresh.wrapped)
  }

  /// Another member to copy from, a secondary if there is one; the node itself if it is alone.
  private func source(for member: ReplicaMember) async throws -> any CopySource {
    let status = member.status
    let others = status.voters.filter { $0 != configuration.node }
    guard let source = others.first(where: { $0 != status.primary }) ?? others.first else {
      return try await member.openCopy()
    }
    logger.info("copying", metadata: ["from": "\(source)"])
    return try network.copy(from: source)
  }

  func rotate(_ command: CommandID) async {
    guard let keystore, let keys else {
      return finish(command, .failed(reason: "the node has no keystore or no KMS settings"))
    }
    do {
      let fresh = try await keys.makeMasterKey()
      // A database key may have been added meanwhile; the replacement itself compares the version again.
      try keystore.rewrap(under: fresh.key, wrapped: fresh.wrapped, expectedVersion: keystore.version)
      logger.notice("master key rotated", metadata: ["masterKey": "\(fresh.key.id)"])
      finish(command, .done)
    } catch {
      finish(command, .failed(reason: "\(error)"))
    }
  }
}
