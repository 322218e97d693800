// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("A rotation in the middle of which a node is killed", .serialized, .timeLimit(.minutes(15)))
struct RotationKillTests {
  /// Every named point of a rotation, in its order.
  private static let points = [
    "rotate.before", "rotate.wrapped", "keystore.write.before", "keystore.rename.before", "keystore.rename.after",
    "keystore.sync.after", "rotate.after",
  ]

  @Test("leaves the old or the new master key, goes on by itself, and loses no acknowledged write")
  func points() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try await cluster.underLoad { load in
        for (turn, point) in Self.points.enumerated() {
          // The primary in turn with a secondary; either is killed when its step comes.
          let victim = turn.isMultiple(of: 2) ? try await cluster.secondary() : try await cluster.primary()
          let before = try keys(of: cluster)
          victim.stop()
          try await victim.start(with: ["KEYFOLD_FAILPOINT": point])
          try await settled(cluster)
          try cluster.operate("keys", "rotate", TestCluster.name)
          try await dies(victim, at: point)
          try await load.progress(by: 10)
          try await victim.start()
          try await rotated(cluster)
          let after = try keys(of: cluster)
          #expect(before.count == 3 && after.count == 3)
          #expect(Set(before.values).isDisjoint(with: after.values), "\(point): a node kept its master key")
          try await load.progress(by: 10)
        }
      }
      #expect(try DiskScan.count(TestCluster.marker, below: cluster.root + "/nodes") == 0)
      #expect(try DiskScan.looseFiles(below: cluster.root + "/nodes").isEmpty)
      for node in cluster.nodes { #expect(try DiskScan.generations(of: node) == 1) }
    }
  }

  @Test("rolls over three nodes in less than two seconds, and each proves at once that it could restart")
  func speed() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try await settled(cluster)
      let calls = try DiskScan.unwrapsByNode(of: cluster)
      // Up to three, because one may fall on a moment in which the machine does something else.
      var times: [Double] = []
      repeat {
        let start = ContinuousClock.now
        try cluster.operate("keys", "rotate", TestCluster.name)
        let finished = try await eventually("the rotation is done") { () -> Double? in
          let plans = plans(in: cluster)
          return plans.count > times.count ? plans.first.flatMap(Self.finished) : nil
        }
        times.append(finished)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let line = "rolling rotation of 3 nodes: \(finished) s in the plan, \(seconds) s with the orders' processes\n"
        FileHandle.standardError.write(Data(line.utf8))
        try await settled(cluster)
      } while times.count < 3 && times.allSatisfy { $0 >= 2 }
      #expect(times.contains { $0 < 2 }, "\(times)")
      _ = try await eventually("every node proves that it could restart with the new key") { () -> Bool? in
        let list = try? cluster.query("node", "list") as? [String: Any]
        let nodes = list?["nodes"] as? [[String: Any]] ?? []
        return nodes.count == 3 && nodes.allSatisfy { $0["restartProofAgeSeconds"] != nil } ? true : nil
      }
      for (node, count) in try DiskScan.unwrapsByNode(of: cluster) {
        #expect(
          count - (calls[node] ?? 0) <= 2 * times.count,
          "\(node): each time one to compare the new key, one to prove a restart")
      }
    }
  }

  @Test("shows when master keys are rotated next, and refuses to put off what is far away")
  func schedule() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try cluster.operate(
        "project", "maintenance", "shop", "--day", "sunday", "--hour", "2", "--time-zone", "Europe/Berlin",
        "--rotate-every", "30")
      let list = try #require(try cluster.query("keys", "schedule") as? [String: Any])
      let rotation = try #require((list["rotations"] as? [[String: Any]])?.first)
      #expect(rotation["limitDays"] as? Int == 30)
      #expect((rotation["startsAt"] as? String)?.hasSuffix(":00:00.000Z") == true)
      let refused = try cluster.run(["keyfold", "keys", "defer", TestCluster.name])
      #expect(refused.status == 4 && refused.output.contains("It can be deferred from"))
      try cluster.operate("project", "maintenance", "shop", "--rotate-every", "10")
      try cluster.operate("keys", "defer", TestCluster.name)
      try cluster.operate("keys", "defer", TestCluster.name)
      let often = try cluster.run(["keyfold", "keys", "defer", TestCluster.name])
      #expect(often.status == 4 && often.output.contains("2 times"))
      let shown = try cluster.run(["keyfold", "cluster", "show", TestCluster.name]).output
      #expect(shown.contains("past the limit"))
    }
  }

  // MARK: Parts

  private func keys(of cluster: TestCluster) throws -> [String: String] {
    let list = try cluster.query("node", "list") as? [String: Any]
    var keys: [String: String] = [:]
    for node in list?["nodes"] as? [[String: Any]] ?? [] {
      guard let name = node["name"] as? String, let generation = node["generation"] as? [String: Any] else { continue }
      keys[name] = generation["masterKeyID"] as? String
    }
    return keys
  }

  /// The plans of rotations, the newest first; none if the coordinator does not answer just now.
  private func plans(in cluster: TestCluster) -> [[String: Any]] {
    let list = try? cluster.query("plan", "list") as? [String: Any]
    return (list?["plans"] as? [[String: Any]] ?? []).filter { ($0["kind"] as? String)?.contains("rotate") == true }
  }

  /// How many seconds a plan took, nil while it is not done.
  private static func finished(_ plan: [String: Any]) -> Double? {
    let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
    guard plan["state"] as? String == "done", let from = plan["createdAt"] as? String,
      let end = plan["finishedAt"] as? String, let first = try? style.parse(from), let last = try? style.parse(end)
    else { return nil }
    return last.timeIntervalSince(first)
  }

  private func rotated(_ cluster: TestCluster) async throws {
    _ = try await eventually("the rotation is done") {
      plans(in: cluster).first.flatMap(Self.finished)
    }
  }

  private func settled(_ cluster: TestCluster) async throws {
    _ = try await eventually("the cluster serves whole") { () -> Bool? in
      let shown = try? cluster.query("cluster", "show", TestCluster.name) as? [String: Any]
      return shown?["state"] as? String == "serving" ? true : nil
    }
  }

  private func dies(_ daemon: Daemon, at point: String) async throws {
    _ = try await eventually("\(daemon.name) dies at \(point)") { daemon.isRunning ? nil : true }
    let status = daemon.waitForEnd()
    guard status == 128 + SIGKILL, daemon.logText.contains("failure point \(point)\n") else {
      throw TestFailure("\(daemon.name) ended with \(status), not at \(point), see \(daemon.log)")
    }
  }
}
