// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import Logging
internal import Replication

/// Building a generation anew on a node whose own is lost or damaged.
extension AgentShell {
  func rebuild(_ command: CommandID, _ order: InitialSyncOrder) async {
    let id = GenerationID.random()
    progressStartedAt = Self.wallClock
    progress = CopyProgress(stage: "making keys")
    do {
      try await fill(id, order)
    } catch {
      logger.warning("the initial sync failed", metadata: ["reason": "\(error)"])
      await destroy(id)
      progress = nil
      return perform(core.onRebuilt(command, outcome: .failed(reason: "\(error)"), generation: nil))
    }
    logger.notice("initial sync done", metadata: ["generation": "\(id)", "encrypted": "\(order.encrypted)"])
    for old in (try? directory.superseded(by: id)) ?? [] { await destroy(old) }
    progress = nil
    let report = DiskState.report(of: id, in: directory, logger: logger)
    perform(core.onRebuilt(command, outcome: .done, generation: report))
  }

  private func fill(_ id: GenerationID, _ order: InitialSyncOrder) async throws {
    guard let name = order.sources.first else { throw AgentError(.data, "no member was named to copy from") }
    let fresh = try await makeGeneration(id, encrypted: order.encrypted)
    let source: any CopySource
    do { source = try network.copy(from: name) } catch {
      try? await workshop.run { try fresh.close() }
      throw error
    }
    logger.info("copying", metadata: ["from": "\(name)"])
    try await GenerationRebuild.run(
      into: fresh, from: source, lostTerm: order.lostTerm, measures: measures.member,
      isCancelled: { [weak self] in await self?.isRebuildOver ?? true },
      progress: { [weak self] progress in
        Task { await self?.note(progress) }  // tidy:allow free-task progress comes from a synchronous callback
      })
  }

  /// Whether a copy under way is of no use any more.
  private var isRebuildOver: Bool { isShutDown || !core.isRebuilding }
}
