// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import DaemonRuntime
internal import KeyManagement
internal import Metrics
internal import Synchronization
internal import Transport

/// All that a coordinator measures, and what its actor published last.
final class CoordinatorMeasures: Sendable {
  /// What the actor says of its clusters every half second.
  struct Snapshot: Sendable {
    /// What the last check of a project's key said, and when it began.
    struct Check: Sendable {
      var project: String
      var verdict: String
      var startedAt: Instant
    }

    var epoch: UInt64 = 0
    var enrolled = 0
    var connected = 0
    /// Counts of plans by state.
    var plans: [String: Int] = [:]
    /// Counts of open alerts by kind.
    var alerts: [String: Int] = [:]
    var checks: [Check] = []
    /// Mails that no server has taken yet, counted for each recipient.
    var mailsWaiting = 0
    /// The oldest of each cluster, and of each project.
    var masterKeyAges: [(cluster: String, age: Duration)] = []
    var restartProofAges: [(cluster: String, age: Duration)] = []
    var customerKeyAges: [(project: String, age: Duration)] = []
  }

  let registry = MetricsRegistry()
  let kms: KMSMeasures
  private let storeWrites = Histogram(CoordinatorMetrics.storeWrites, bounds: Histogram.seconds)
  private let snapshot = Mutex(Snapshot())

  init() {
    kms = KMSMeasures(in: registry)
    registry.add(storeWrites)
    ProcessMetrics.register(in: registry, version: KeyfoldVersion.text)
  }

  /// Tells how long a change of the store took.
  func wrote(since start: ContinuousClock.Instant) { storeWrites.record(start.duration(to: .now)) }

  func publish(_ new: Snapshot) { snapshot.withLock { $0 = new } }

  /// Shows what the parts of a coordinator hold at the moment of a scrape.
  func watch(inbox: Inbox, listener: MessageListener, now: @escaping @Sendable () -> Instant) {
    registry.onScrape { [weak self] page in
      guard let self else { return }
      CoordinatorMetrics.write(snapshot.withLock { $0 }, now: now(), to: &page)
      let load = inbox.load
      page.setQueue("inbox", items: load.items, limit: Inbox.capacity)
      page.setQueue("inbox", bytes: load.bytes, limit: Inbox.byteCapacity)
      page.setQueue("inbox", refused: load.dropped)
      LinkMetrics.write(listener.counters, listener.outbound, of: "control", to: &page)
    }
  }
}
