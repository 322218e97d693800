// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import DaemonRuntime
internal import DocumentServer
internal import EncryptedStore
internal import KeyManagement
internal import Metrics
internal import Replication
internal import Synchronization
internal import Transport

/// All that a node measures, and the last state its shell published.
///
/// A scrape reads snapshots only: it answers while the engine hangs and while the shell is busy.
final class AgentMeasures: Sendable {
  /// What the shell says of the node every second.
  struct Snapshot: Sendable {
    var phase = NodePhase.awaitingSettings
    var isConnected = false
    var check: CheckReport?
    var generation: GenerationReport?
    var databaseKeys: Int?
    var supersededGenerations = 0
    var progress: CopyProgress?
    var cache: CacheUse?
    var scrub: ScrubReport?
    var restartProof: RestartProof?
  }

  let registry = MetricsRegistry()
  let member: MemberMeasures
  let server: ServerMeasures
  let kms: KMSMeasures
  private let commands = Counter(AgentMetrics.commands)
  private let snapshot = Mutex(Snapshot())

  init() {
    member = MemberMeasures(in: registry)
    server = ServerMeasures(in: registry)
    kms = KMSMeasures(in: registry)
    registry.add(commands)
    ProcessMetrics.register(in: registry, version: KeyfoldVersion.text)
  }

  /// Counts an answer to a command of the coordinator.
  func answered(_ outcome: CommandOutcome) { commands.add(1, outcome.name) }

  func publish(_ new: Snapshot) {
    snapshot.withLock { old in
      let cache = old.cache
      old = new
      old.cache = cache
    }
  }

  func publish(_ cache: CacheUse?) { snapshot.withLock { $0.cache = cache } }

  /// Shows what the parts of a node hold at the moment of a scrape.
  func watch(engine: NodeEngine, network: ReplicationNetwork, server: DocumentServer, link: MessageLink) {
    registry.onScrape { [weak self] page in
      guard let self else { return }
      AgentMetrics.write(snapshot.withLock { $0 }, now: AgentShell.wallClock, to: &page)
      if let status = engine.memberStatus { AgentMetrics.write(status, to: &page) }
      AgentMetrics.write(network.load, to: &page)
      AgentMetrics.write(server.load, to: &page)
      LinkMetrics.write(link.counters, link.outbound, of: "coordinator", to: &page)
    }
  }
}
