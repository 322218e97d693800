// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import Replication

/// What the shell tells whoever watches the node.
extension AgentShell {
  /// Publishes where the node stands; called every second.
  func publish() {
    var snapshot = AgentMeasures.Snapshot()
    snapshot.phase = core.phase
    snapshot.isConnected = core.coordinatorConnected
    snapshot.check = core.lastCheck
    snapshot.generation = liveGeneration() ?? core.generation
    snapshot.databaseKeys = keystore.map(\.keys.count)
    snapshot.supersededGenerations = leftovers.count(in: directory, beside: snapshot.generation?.id)
    snapshot.progress = progress
    snapshot.scrub = scrubReport
    snapshot.restartProof = core.restartProof
    measures.publish(snapshot)
  }

  /// Publishes how much of the engine's cache is in use, nothing while it is closed.
  func publishCacheUse() async { measures.publish(await member?.cacheUse()) }
}

extension CommandOutcome {
  /// The outcome's bare name.
  var name: String {
    switch self {
    case .done: "done"
    case .accepted: "accepted"
    case .failed: "failed"
    case .refused: "refused"
    }
  }
}
