// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Synchronization
import Testing

@Suite("A copy in the middle of which something dies", .serialized, .timeLimit(.minutes(10))) struct CopyKillTests {
  private static let options = ClusterOptions(agents: AgentSettings(copyCheckpointMegabytes: 1))

  @Test("goes on where it was when the node that copies is killed; what was durable is not copied again")
  func copyingNode() async throws {
    try await TestCluster.with(nodes: 3, options: Self.options) { cluster in
      try cluster.encrypt()
      let whole = try await cluster.fillLarge()
      try await cluster.underLoad { load in
        let victim = try await cluster.secondary()
        victim.stop()
        try await victim.start(with: ["KEYFOLD_FAILPOINT": "copy.checkpoint.after:4"])
        try cluster.operate("node", "resync", victim.name)
        try await isDead(victim, at: "copy.checkpoint.after")
        let begun = try DiskScan.generations(of: victim)
        try await load.progress(by: 20)
        try await victim.start()
        try await cluster.copyEnds()
        #expect(begun == 2, "there was nothing to go on with")
        #expect(try DiskScan.generations(of: victim) == 1)
        let copied = try #require(try await Page(of: victim).value("keyfold_sync_copied_bytes_total"))
        // Four checkpoints were durable, each of a mebibyte or more.
        #expect(copied > 0 && copied <= Double(whole - 3 << 20), "\(copied) of \(whole) bytes were copied again")
      }
      try await cluster.agreeOnLarge()
    }
  }

  @Test("goes on from the next source, behind the last row it has, when its source is killed")
  func source() async throws {
    try await TestCluster.with(nodes: 3, options: Self.options) { cluster in
      try cluster.encrypt()
      let whole = try await cluster.fillLarge()
      try await cluster.underLoad { load in
        let victim = try await cluster.secondary()
        let primary = try await cluster.primary()
        let source = try #require(cluster.nodes.first { $0.name != victim.name && $0.name != primary.name })
        source.stop()
        try await source.start(with: ["KEYFOLD_FAILPOINT": "copy.serve.chunk:5"])
        let before = try #require(try await Page(of: victim).value("keyfold_sync_copied_bytes_total"))
        try cluster.operate("node", "resync", victim.name)
        try await isDead(source, at: "copy.serve.chunk")
        // It ends without the one it began with.
        try await cluster.copyEnds()
        let copied = try #require(try await Page(of: victim).value("keyfold_sync_copied_bytes_total")) - before
        #expect(copied <= Double(whole + 3 << 20), "\(copied) bytes were copied of \(whole)")
        try await source.start()
        try await load.progress(by: 20)
      }
      try await cluster.agreeOnLarge()
    }
  }

  @Test("for which the oplog does not last is said to be so while it runs, given up, and made when it does last")
  func window() async throws {
    let options = ClusterOptions(
      proxiesLinks: true,
      agents: AgentSettings(
        oplogMegabytes: 1, oplogMaximumMegabytes: 4, oplogMinimumHours: 0, copyCheckpointMegabytes: 1))
    try await TestCluster.with(nodes: 3, options: options) { cluster in
      _ = try await cluster.fillLarge()
      let victim = try await cluster.secondary()
      let flows = cluster.nodes.filter { $0.name != victim.name }.map { LinkFlow(from: $0.name, to: victim.name) }
      for flow in flows { cluster.links?.set(flow, .slow(.milliseconds(800))) }
      try await cluster.whilePumping {
        try cluster.operate("node", "resync", victim.name)
        _ = try await eventually("a warning in node show") {
          let shown = try await blocking { try cluster.run(["keyfold", "node", "show", victim.name]).output }
          return shown.contains("the oplog will probably not last") ? true : nil
        }
        _ = try await eventually("the plan says why the copy was given up") {
          let shown = try await blocking { try cluster.run(["keyfold", "plan", "list"]).output }
          return shown.contains("longer than the oplog lasts") || shown.contains("reached its ceiling") ? true : nil
        }
      }
      for flow in flows { cluster.links?.set(flow, .open) }
      try await cluster.copyEnds()
      try await cluster.agreeOnLarge()
    }
  }

  private func isDead(_ daemon: Daemon, at point: String) async throws {
    _ = try await eventually("\(daemon.name) dies at \(point)") { daemon.isRunning ? nil : true }
    let status = daemon.waitForEnd()
    guard status == 128 + SIGKILL, daemon.logText.contains("failure point \(point)\n") else {
      throw TestFailure("\(daemon.name) ended with \(status), not at \(point), see \(daemon.log)")
    }
  }
}

/// Whether a writer is to end.
private final class End: Sendable {
  private let state = Mutex(false)
  var isDue: Bool { state.withLock { $0 } }
  func come() { state.withLock { $0 = true } }
}

extension TestCluster {
  private static let large = "large"
  private static let collections = 8
  private static let documents = 4
  private static let text = String(repeating: "\(marker) ", count: 20_000)

  /// Writes some collections of large documents; answers about how many bytes they have.
  fileprivate func fillLarge() async throws -> Int {
    for collection in 0..<Self.collections {
      try await insert((0..<Self.documents).map(Self.document), into: "c\(collection)", of: Self.large)
    }
    return Self.collections * Self.documents * Self.text.utf8.count
  }

  private static func document(_ number: Int) -> Document { ["_id": .integer(number), "text": .string(text)] }

  /// Writes large documents without pause while `body` runs: the longer it takes, the longer would a copy.
  fileprivate func whilePumping(_ body: () async throws -> Void) async throws {
    let end = End()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        var number = 0
        while !end.isDue { number = try await self.pump(after: number, until: end) }
      }
      do { try await body() } catch {
        end.come()
        throw error
      }
      end.come()
      try await group.waitForAll()
    }
  }

  /// Writes large documents at the primary until that is gone or stepped down, or it is time to end; answers the
  /// number of the last.
  private func pump(after last: Int, until end: End) async throws -> Int {
    let port = try await driverPort(of: try await primary())
    return try await blocking {
      var number = last
      do {
        let client = try WireClient(port: port)
        while !end.isDue {
          number += 1
          try client.succeed([
            "insert": "pumped", "$db": .string(Self.large), "documents": [.document(Self.document(number))],
          ])
        }
      } catch is TestFailure {}
      return number
    }
  }

  /// Waits until every plan has ended; none may have failed.
  fileprivate func copyEnds() async throws {
    _ = try await eventually("every plan has ended") { () -> Bool? in
      guard let list = try? await blocking({ try PlanList(self) }), list.open.isEmpty else { return nil }
      guard list.failed.isEmpty else { throw TestFailure("plans failed: \(list.failed)") }
      return true
    }
  }

  /// Waits until every node shows all the large documents.
  fileprivate func agreeOnLarge() async throws {
    for node in nodes {
      _ = try await eventually("all large documents on \(node.name)") { () -> Bool? in
        guard let client = try? await client(node) else { return nil }
        for collection in 0..<Self.collections {
          let reply = try? client.run([
            "count": .string("c\(collection)"), "query": [:], "$db": .string(Self.large),
            "$readPreference": ["mode": "secondaryPreferred"],
          ])
          guard reply?["n"] == .int32(Int32(Self.documents)) else { return nil }
        }
        return true
      }
    }
  }
}
