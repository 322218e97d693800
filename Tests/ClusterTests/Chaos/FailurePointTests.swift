// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import MailSink
import Testing

@Suite("A process that dies right before or right after a durable step", .serialized, .timeLimit(.minutes(30)))
struct FailurePointTests {
  @Test("while its node is encrypted starts again, the plan finishes and nothing is lost")
  func encryption() async throws {
    for points in Points.encryption.chunked(by: 5) {
      try await TestCluster.with(nodes: 5) { cluster in
        try cluster.useKey()
        try await cluster.underLoad { load in
          try await die(at: points, cluster, load, whenOrdered: ["cluster", "encrypt", TestCluster.name])
        }
        for node in cluster.nodes {
          #expect(try DiskScan.count(TestCluster.marker, below: node.data) == 0, "plaintext on \(node.name)")
          _ = try await eventually("\(node.name) has one generation") {
            try DiskScan.generations(of: node) == 1 ? true : nil
          }
        }
      }
    }
  }

  @Test("of its key or its log starts again, the plan finishes and nothing is lost")
  func runningNodes() async throws {
    try await TestCluster.with(nodes: 5) { cluster in
      try cluster.encrypt()
      try await cluster.underLoad { load in
        try await die(at: Points.rotation, cluster, load, whenOrdered: ["keys", "rotate", TestCluster.name])
        for points in Points.writes.chunked(by: 2) { try await die(at: points, cluster, load, whenOrdered: nil) }
        try await die(at: Points.elections, cluster, load, whenOrdered: ["cluster", "stepdown", TestCluster.name])
      }
    }
  }

  @Test("while its shard is formed starts again, and the shard comes to be all the same")
  func formation() async throws {
    for points in Points.formation.chunked(by: 3) {
      var options = ClusterOptions()
      options.deathsAtCreation = points
      try await TestCluster.with(nodes: 3, options: options) { cluster in
        for (node, point) in zip(cluster.nodes, points) {
          try await isDead(node, at: point)
          try await node.start()
        }
        try await plansEnd(cluster)
        try await cluster.underLoad { load in try await load.progress(by: 20) }
        for node in cluster.nodes {
          _ = try await eventually("\(node.name) has one generation") {
            try DiskScan.generations(of: node) == 1 ? true : nil
          }
        }
      }
    }
  }

  @Test("while its oplog is shortened starts again, and nothing is lost")
  func trimming() async throws {
    var options = ClusterOptions()
    options.agents = AgentSettings(oplogMegabytes: 1, oplogMinimumHours: 0)
    try await TestCluster.with(nodes: 3, options: options) { cluster in
      try await cluster.underLoad { load in
        for (node, point) in zip(cluster.nodes, Points.trimming) {
          node.stop()
          try await node.start(with: ["KEYFOLD_FAILPOINT": point])
          let text = String(repeating: "oplog ", count: 20_000)
          _ = try await eventually(within: .seconds(120), "\(node.name) dies at \(point)") { () -> Bool? in
            if !node.isRunning { return true }
            let client = try? await cluster.client(try await cluster.primary())
            _ = try? client?.run(["insert": "big", "$db": "trim", "documents": [["text": .string(text)]]])
            return nil
          }
          try await isDead(node, at: point)
          try await node.start()
          try await load.progress(by: 20)
        }
      }
    }
  }

  @Test("of the coordinator's or the KMS's memory starts again and remembers")
  func controlPlane() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      try cluster.encrypt()
      for point in Points.coordinatorStart {
        cluster.coordinator.kill9()
        try cluster.coordinator.launch(with: ["KEYFOLD_FAILPOINT": point])
        try await isDead(cluster.coordinator, at: point)
        try await cluster.coordinator.start()
      }
      for point in Points.coordinator {
        cluster.coordinator.kill9()
        try await cluster.coordinator.start(with: ["KEYFOLD_FAILPOINT": point])
        // Whether the order was taken is open when the coordinator dies over it: it is given again.
        _ = try await blocking { try cluster.run(["keyfold", "keys", "rotate", TestCluster.name, "--timeout", "3"]) }
        try await isDead(cluster.coordinator, at: point)
        try await cluster.coordinator.start()
        try await plansEnd(cluster)
        try cluster.operate("keys", "rotate", TestCluster.name, "--wait", "--timeout", "60")
      }
      for point in Points.kms { try await kmsDies(at: point, cluster) }
    }
  }

  @Test("between a mail and its record sends it once more under the same Message-ID, and never again")
  func mail() async throws {
    let sink = try MailSink()
    try await sink.start()
    let result: Result<Void, any Error>
    do {
      result = .success(try await TestCluster.with(nodes: 1) { cluster in try await mail(cluster, sink) })
    } catch { result = .failure(error) }
    await sink.stop()
    try result.get()
  }

  private func mail(_ cluster: TestCluster, _ sink: MailSink) async throws {
    try cluster.useMail(sink)
    let arn = try cluster.useKey()
    try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
    let point = try #require(Points.mail.first)
    cluster.coordinator.kill9()
    try await cluster.coordinator.start(with: ["KEYFOLD_FAILPOINT": point])
    try cluster.operate("local-kms", "disable", arn, "--data", cluster.root + "/kms")
    _ = try await eventually("\(point)") { () -> Bool? in
      // The node may not be back yet to confirm what the coordinator sees.
      if cluster.coordinator.isRunning {
        _ = try await blocking { try cluster.run(["keyfold", "kms", "check", TestCluster.project, "--timeout", "3"]) }
      }
      return cluster.coordinator.isRunning ? nil : true
    }
    try await isDead(cluster.coordinator, at: point)
    #expect(sink.mails.count == 1, "the server took it before the coordinator died")

    try await cluster.coordinator.start()
    _ = try await eventually("the mail again") { sink.mails.count >= 2 ? true : nil }
    try cluster.operate("local-kms", "enable", arn, "--data", cluster.root + "/kms")
    _ = try await eventually("the mail about the key's return") { () -> Bool? in
      _ = try await blocking { try cluster.run(["keyfold", "cluster", "try-again", TestCluster.name]) }
      return sink.mails.count >= 3 ? true : nil
    }
    let ids = sink.mails.map { $0.header("Message-ID") }
    #expect(ids.count == 3 && ids[0] != nil && ids[0] == ids[1] && ids[2] != ids[0], "\(ids)")
    #expect(sink.mails[2].header("In-Reply-To") == ids[0])
  }

  /// The KMS writes several files when it starts, and one when it makes a key: it has to stand a death at each.
  private func kmsDies(at point: String, _ cluster: TestCluster) async throws {
    for count in 1...10 {
      cluster.kms.kill9()
      try cluster.kms.launch(with: ["KEYFOLD_FAILPOINT": "\(point):\(count)"])
      let isServing = (try? await cluster.kms.ready()) != nil
      if isServing {
        _ = try await blocking {
          try cluster.run(["keyfold", "local-kms", "create-key", "--data", cluster.root + "/kms"])
        }
      }
      try await isDead(cluster.kms, at: point)
      try await cluster.kms.start()
      try cluster.operate("keys", "rotate", TestCluster.name, "--wait", "--timeout", "60")
      if isServing { return }
    }
    throw TestFailure("the KMS did not start with \(point) armed, however late")
  }

  @Test("every point that the sources name is walked through, and none exists outside debug builds")
  func all() async throws {
    let named = try Points.namedInSources()
    #expect(Set(Points.all) == named)
    let manifest = try String(contentsOfFile: Points.root + "/Package.swift", encoding: .utf8)
    let defines = manifest.split(separator: "\n").filter { $0.contains("KEYFOLD_FAILPOINTS") }
    #expect(defines.count == 1 && defines[0].contains(".when(configuration: .debug)"))
    #expect(
      try await ProbeProgram(flags: ["-Onone", "-DKEYFOLD_FAILPOINTS"]) == ProbeProgram(status: 137, isNamed: true))
    #expect(try await ProbeProgram(flags: ["-O", "-wmo"]) == ProbeProgram(status: 0, isNamed: false))
  }

  /// Starts each of some nodes so that it dies at its point, sees it die and starts it again. Without an order it is
  /// the writers that bring the nodes there.
  func die(
    at points: [String], _ cluster: TestCluster, _ load: Workload, whenOrdered order: [String]?
  ) async throws {
    var victims = Array(zip(cluster.nodes, points))
    for (node, point) in victims {
      node.stop()
      // It may die while it starts: opening a generation has durable steps too.
      try node.launch(with: ["KEYFOLD_FAILPOINT": point])
    }
    _ = try await cluster.primary()
    if let order { _ = try await blocking { try cluster.run(["keyfold"] + order) } }
    _ = try await eventually(within: .seconds(120), "deaths at \(points)") {
      for (node, point) in victims where !node.isRunning {
        try await isDead(node, at: point)
        try node.launch()
        victims.removeAll { $0.0 === node }
      }
      return victims.isEmpty ? true : nil
    }
    try await plansEnd(cluster)
    try await load.progress(by: 10)
  }

  func isDead(_ daemon: Daemon, at point: String) async throws {
    _ = try await eventually("\(daemon.name) dies at \(point)") { daemon.isRunning ? nil : true }
    let status = daemon.waitForEnd()
    guard status == 128 + SIGKILL, daemon.logText.contains("failure point \(point)\n") else {
      throw TestFailure("\(daemon.name) ended with \(status), not at \(point), see \(daemon.log)")
    }
  }

  private func plansEnd(_ cluster: TestCluster) async throws {
    _ = try await eventually(within: .seconds(120), "every plan has ended") { () -> Bool? in
      guard let list = try? await blocking({ try PlanList(cluster) }), list.open.isEmpty else { return nil }
      guard list.failed.isEmpty else { throw TestFailure("plans failed: \(list.failed)") }
      return true
    }
  }
}

/// The names of the points, by what brings a process there.
enum Points {
  static let encryption = [
    "current.before", "current.after", "served.before", "served.after", "raft.base.before", "raft.base.after",
    "copy.checkpoint.before", "copy.checkpoint.after", "swap.checkpoint.after", "generation.destroy.before",
    "generation.destroy.keystore", "generation.destroy.after", "manifest.before", "manifest.after",
  ]
  static let rotation = [
    "keystore.write.before", "keystore.rename.before", "keystore.rename.after", "keystore.sync.after",
  ]
  static let writes = [
    "oplog.append.before", "oplog.append.after", "oplog.sync.after", "checkpoint.before", "checkpoint.after",
  ]
  static let elections = ["raft.term.before", "raft.term.after"]
  static let formation = [
    "generation.create.before", "generation.create.after", "generation.store.after", "shard.found.before",
    "shard.floor.after", "shard.found.after", "current.before", "current.after", "served.before",
  ]
  static let trimming = ["oplog.trim.before", "oplog.trim.after"]
  static let coordinatorStart = ["coordinator.epoch.before", "coordinator.epoch.after"]
  static let coordinator = ["coordinator.commit.before", "coordinator.commit.after"]
  static let mail = ["mail.sent.after"]
  static let kms = ["kms.rename.before", "kms.rename.after", "kms.sync.after"]

  /// Walked through by the tests of initial sync.
  static let copies = ["copy.serve.chunk"]
  /// Walked through by the tests of what stands in the audit record.
  static let keyUses = ["kms-uses.noted"]
  /// Walked through by the tests of rotation.
  static let rotating = ["rotate.before", "rotate.wrapped", "rotate.after"]
  /// Walked through by the tests of members.
  static let leaving = ["leave.keystores", "leave.files"]
  /// Walked through by the tests of backups.
  static let restoring = ["coordinator.restore.before", "coordinator.restore.after"]

  static var all: [String] {
    copies + keyUses + encryption + rotation + keyChange + writes + elections + formation + trimming + coordinatorStart
      + coordinator + mail + kms + rotating + leaving + restoring
  }

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path

  static func namedInSources() throws -> Set<String> {
    let call = /FailurePoint\.reach\("([^"]+)"\)/
    let files = try DiskScan.files(below: root + "/Sources").filter { $0.hasSuffix(".swift") }
    return Set(
      try files.flatMap { file in
        try String(contentsOfFile: file, encoding: .utf8).matches(of: call).map { String($0.1) }
      })
  }
}

/// A program that reaches one point and ends; built apart, because the tests are built in one configuration only.
struct ProbeProgram: Equatable {
  let status: Int32
  /// Whether the name of the point is in the program at all.
  let isNamed: Bool

  init(status: Int32, isNamed: Bool) {
    self.status = status
    self.isNamed = isNamed
  }

  init(flags: [String]) async throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data("FailurePoint.reach(\"probe.point\")\n".utf8).write(to: URL(fileURLWithPath: folder + "/main.swift"))
    let source = Points.root + "/Sources/Shared/FailurePoints/FailurePoint.swift"
    let arguments =
      ["swiftc", "-enable-upcoming-feature", "InternalImportsByDefault", "-o", folder + "/probe"] + flags
      + [source, folder + "/main.swift"]
    let built = try await blocking {
      try ChildProcess(
        "/usr/bin/env", arguments, environment: ProcessInfo.processInfo.environment, output: folder + "/output"
      ).wait()
    }
    guard built == 0 else {
      throw TestFailure("swiftc: \((try? String(contentsOfFile: folder + "/output", encoding: .utf8)) ?? "")")
    }
    status = try await blocking {
      try ChildProcess(
        folder + "/probe", [], environment: ["KEYFOLD_FAILPOINT": "probe.point"], output: folder + "/output"
      ).wait()
    }
    isNamed = try Data(contentsOf: URL(fileURLWithPath: folder + "/probe")).range(of: Data("probe.point".utf8)) != nil
  }
}

extension Array {
  func chunked(by size: Int) -> [[Element]] {
    stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
  }
}
