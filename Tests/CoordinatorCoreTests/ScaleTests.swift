// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Glibc
import Testing

@testable import CoordinatorCore

@Suite("A coordinator of a thousand nodes")
struct ScaleTests {
  /// Clusters of three encrypted nodes under one key, as a coordinator finds them after its start.
  private struct Crowd {
    var core: CoordinatorCore
    var now: Instant
    var reports: [NodeReport] = []

    init(clusters: Int) throws {
      let begin = Instant(milliseconds: 1_790_000_000_000)
      now = begin
      var project = ProjectRecord(name: Bench.project, owners: [], createdAt: begin)
      (project.kms, project.settingsVersion, project.canary) = (Bench.settings, 1, Bench.canary)
      var records: [StateRecord] = [.project(project)]
      for number in 0..<clusters {
        let name = ClusterName(checked: "orders-\(number)")
        var cluster = ClusterRecord(name: name, project: Bench.project, nodes: [], createdAt: begin)
        (cluster.encrypted, cluster.encryptionWanted) = (true, true)
        for member in 0..<3 {
          let report = Self.report(3 * number + member)
          var node = NodeRecord(
            name: report.node, publicKey: String(repeating: "k", count: 34) + "\(100_000 + 3 * number + member)",
            enrolledAt: begin, intendedCluster: name)
          (node.cluster, node.generation, node.report) = (name, report.generation, report)
          // Each is somewhere else by now.
          node.report?.replicationAddress = "192.0.2.\(number % 250):7450"
          node.report?.driverAddress = ""
          cluster.nodes.append(report.node)
          reports.append(report)
          records.append(.node(node))
        }
        records.append(.cluster(cluster))
        records += Self.history(of: name, number, at: begin)
      }
      core = try CoordinatorCore(
        restored: records, epoch: Epoch(number: 2, incarnation: 5),
        identifiers: IdentifierSource(high: 1, low: 2), now: begin)
    }

    /// What a coordinator remembers of a cluster that has lived for a while: it must not cost time at each heartbeat.
    private static func history(of name: ClusterName, _ number: Int, at begin: Instant) -> [StateRecord] {
      var plan = PlanRecord(
        id: PlanID.random(), sequence: UInt64(number) + 1, kind: .restart, cluster: name, steps: [], createdAt: begin)
      (plan.outcome, plan.finishedAt) = (.succeeded, begin)
      return [.plan(plan)]
        + (0..<3).map { member in
          let subject = "node-\(3 * number + member)"
          var alert = AlertRecord(
            id: "nodeSilent/\(subject)/0", kind: .nodeSilent, subject: subject, text: "silent", openedAt: begin)
          alert.closedAt = begin
          return .alert(alert)
        }
    }

    private static func report(_ index: Int) -> NodeReport {
      var report = NodeReport(
        node: NodeName(checked: "node-\(index)"), boot: BootID.random(), agentVersion: "test", phase: .serving)
      report.driverAddress = "10.0.\(index / 250).\(index % 250):27017"
      report.replicationAddress = "10.0.\(index / 250).\(index % 250):7450"
      report.generation = GenerationReport(
        id: GenerationID.random(), encrypted: true, keystoreVersion: 1, masterKeyID: MasterKeyID.random(),
        masterKeyCheckValue: "c0ffee", customerKeyID: Bench.key, masterKeyCreatedAtMilliseconds: 5)
      report.replication = Bench.place(index % 3 == 0 ? .primary : .secondary)
      return report
    }

    /// Every node says hello in one moment, and takes what it is told.
    mutating func greet() -> [CoordinatorDirective] {
      let said = reports.flatMap { core.onHello($0.node, report: $0, now: now) }
      for case .sendAssignment(let node, let assignment) in said {
        if let index = reports.firstIndex(where: { $0.node == node }) {
          reports[index].assignmentVersion = assignment.version
        }
      }
      return said
    }

    mutating func check(_ index: Int, _ verdict: Verdict) -> [CoordinatorDirective] {
      reports[index].lastCheck = CheckReport(
        verdict: verdict, customerKeyID: Bench.key, settingsVersion: 1, startedAtMilliseconds: now.milliseconds)
      return core.onHeartbeat(reports[index].node, report: reports[index], now: now)
    }
  }

  private static func disabled(in directives: [CoordinatorDirective]) -> Set<NodeName> {
    Set(
      directives.compactMap { directive in
        guard case .sendCommand(let node, let command) = directive, case .disable = command.action else { return nil }
        return node
      })
  }

  @Test("makes one IP list of a thousand hellos, not one for each, and tells each node of its own cluster")
  func addresses() throws {
    var crowd = try Crowd(clusters: 340)
    let said = crowd.greet()
    let versions = said.compactMap { if case .sendIPList(_, let list) = $0 { list.version } else { nil } }
    #expect(Set(versions).count <= 1, "\(Set(versions).sorted())")
    crowd.now = crowd.now + .seconds(1)
    let told = crowd.core.onTick(now: crowd.now).compactMap { directive -> NodeName? in
      guard case .sendIPList(let node, let list) = directive,
        let cluster = crowd.core.nodeRecords[node]?.cluster,
        Set(list.nodes.map(\.node)) == Set(crowd.core.clusterRecords[cluster]?.nodes ?? []),
        list.nodes.allSatisfy({ $0.cluster == cluster && $0.address.hasPrefix("10.0.") }),
        list.version == crowd.core.ipList.version
      else { return nil }
      return node
    }
    #expect(Set(told).count == 1020, "the tick tells everybody")
    let view = crowd.core.ipListView(now: crowd.now)
    #expect(view.list.nodes.count == 1020 && view.clusters?.count == 340, "operators see all of it")
  }

  @Test("orders all nodes to close at the word that confirms a revocation, and says it once")
  func revocation() throws {
    var crowd = try Crowd(clusters: 340)
    _ = crowd.greet()
    let revoked = Verdict.revoked(.keyDisabled, detail: "the key is disabled")
    let own = CheckReport(
      verdict: revoked, customerKeyID: Bench.key, settingsVersion: 1, startedAtMilliseconds: crowd.now.milliseconds)
    #expect(Self.disabled(in: crowd.core.onVerdict(Bench.project, report: own, now: crowd.now)).isEmpty)
    crowd.now = crowd.now + .milliseconds(300)
    #expect(Self.disabled(in: crowd.check(7, revoked)).count == 1020)
    // What the others saw meanwhile moves nobody else's cluster.
    for index in [0, 500, 1019] {
      let said = crowd.check(index, revoked)
      #expect(Self.disabled(in: said).isEmpty, "\(index)")
    }
  }

  @Test("hears a node at a cost that does not grow with the number of the others")
  func heartbeats() throws {
    var (few, many) = (try Crowd(clusters: 10), try Crowd(clusters: 340))
    _ = few.greet()
    _ = many.greet()
    // The best of several, taken in turn: whatever else the machine does slows both.
    var (short, long) = (Duration.seconds(60), Duration.seconds(60))
    for _ in 0..<8 {
      short = min(short, Self.cost(&few))
      long = min(long, Self.cost(&many))
    }
    #expect(long < short * 4, "\(short) with 30 nodes, \(long) with 1020")
  }

  private static func cost(_ crowd: inout Crowd) -> Duration {
    crowd.now = crowd.now + .seconds(1)
    let begin = processorTime
    for round in 1...10 {
      for var report in crowd.reports.prefix(30) {
        // It takes writes, so that its cluster is looked at each time.
        report.replication?.appliedIndex += UInt64(round)
        _ = crowd.core.onHeartbeat(report.node, report: report, now: crowd.now)
      }
    }
    return processorTime - begin
  }

  /// What this thread has worked: other tests run beside it.
  private static var processorTime: Duration {
    var time = timespec()
    // Fails only for a clock that there is not.
    _ = unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}
