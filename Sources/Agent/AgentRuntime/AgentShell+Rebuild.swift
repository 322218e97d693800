// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyManagement
internal import Logging
internal import Replication

/// Building a generation anew on a node whose own is lost or damaged.
extension AgentShell {
  func rebuild(_ command: CommandID, _ order: InitialSyncOrder) async {
    let target = await copyTarget(encrypted: order.encrypted)
    let id = target.id
    do {
      let fresh = try await openTarget(target, encrypted: order.encrypted)
      kmsRefusal = nil
      try await GenerationRebuild.run(
        into: fresh, from: network.copies(from: order.sources), lostTerm: order.lostTerm,
        pace: configuration.copyPace, measures: measures.member,
        isCancelled: { [weak self] in await self?.isRebuildOver ?? true },
        progress: { [weak self] progress in
          Task { await self?.note(progress) }  // tidy:allow free-task progress comes from a synchronous callback
        })
    } catch {
      logger.warning("the initial sync failed", metadata: ["reason": "\(error)"])
      kmsRefusal = (error as? KMSError).map { "\($0.kind.rawValue): \($0.detail)" } ?? (error as? OpenStop)?.refusal
      await settle(target, error)
      progress = nil
      return perform(core.onRebuilt(command, outcome: .failed(reason: "\(error)"), generation: nil))
    }
    partial = nil
    logger.notice("initial sync done", metadata: ["generation": "\(id)", "encrypted": "\(order.encrypted)"])
    leftovers.note(in: directory, beside: id, logger: logger)
    for old in leftovers.ids { await destroy(old) }
    progress = nil
    let report = DiskState.report(of: id, in: directory, logger: logger)
    perform(core.onRebuilt(command, outcome: .done, generation: report))
  }

  /// Whether a copy under way is of no use any more.
  private var isRebuildOver: Bool { isShutDown || !core.isRebuilding }
}
