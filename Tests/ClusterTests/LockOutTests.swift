// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Documents
import Foundation
import MailSink
import Testing

@Suite("A key that is taken away, on real processes", .serialized, .timeLimit(.minutes(15))) struct LockOutTests {
  /// Every node of every affected cluster is closed within this time of the verdict, in seconds.
  private static let limit = 10.0
  /// How many times a plain restart a lock-out may take on a busy machine: three nodes close and begin anew at once.
  private static let restarts = 10.0

  @Test("every node is disabled within 10 s of the verdict; orders are queued; one mail; all is back on demand")
  func episode() async throws {
    let sink = try MailSink()
    try await sink.start()
    do {
      try await TestCluster.with(nodes: 3) { cluster in try await episode(cluster, sink) }
    } catch {
      await sink.stop()
      throw error
    }
    await sink.stop()
  }

  private func episode(_ cluster: TestCluster, _ sink: MailSink) async throws {
    try cluster.useMail(sink)
    let arn = try cluster.useKey()
    try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
    try await cluster.insert(7, into: "k", of: "keys")
    let calm = try await restart(cluster)
    let pids = cluster.nodes.map(\.pid)
    let before = try Self.boots(cluster)
    try cluster.operate("local-kms", "disable", arn, "--data", cluster.root + "/kms")
    _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
    let view = try await shown(cluster, until: "disabled")
    let verdict = try #require((view["disabledSince"] as? String).flatMap { OperatorTime(text: $0) })
    try await areClosed(cluster)
    // A new process image is the proof that engine and keys of the old one are gone.
    try await areReplaced(boots: before, cluster)
    let logs = cluster.nodes.map { AgentLog(of: $0) }
    let closed = try Self.last(logs.map { $0.closed(since: verdict) }, since: verdict)
    let replaced = try Self.last(logs.map { $0.replaced(since: verdict) }, since: verdict)
    // tidy:allow print the test's own figure
    print("after the verdict: closed \(closed) s, replaced \(replaced) s; a restart took \(calm) s")
    #expect(max(closed, replaced) <= max(Self.limit, calm * Self.restarts), "a restart took \(calm) s")
    #expect((view["next"] as? String)?.contains("Enable the key") == true)
    #expect((view["reason"] as? String)?.contains("keyDisabled") == true)

    // What is ordered meanwhile waits; the processes stay, and nothing starts them anew in a loop.
    try cluster.operate("keys", "rotate", TestCluster.name)
    #expect(try await shown(cluster, until: "disabled")["queued"] as? [String] == ["rotate master keys"])
    let users = try cluster.run(["keyfold", "user", "list", "--cluster", TestCluster.name])
    #expect(users.status == 4 && users.output.contains("is disabled"))
    let boots = try Self.boots(cluster)
    _ = try await eventually("the mail") { sink.mails.count == 1 ? true : nil }
    #expect(sink.mails[0].data.contains("orders") && sink.mails[0].data.contains("Enable the key"))
    let again = try cluster.run(["keyfold", "cluster", "try-again", TestCluster.name])
    #expect(again.status == 1 && again.output.contains("what to do"))
    #expect(try Self.boots(cluster) == boots, "a process image was replaced again")
    #expect(cluster.nodes.map(\.pid) == pids && cluster.nodes.allSatisfy(\.isRunning))

    try cluster.operate("local-kms", "enable", arn, "--data", cluster.root + "/kms")
    try cluster.operate("cluster", "try-again", TestCluster.name)
    _ = try await shown(cluster, until: "serving")
    try await cluster.holds(1, in: "k", of: "keys")
    _ = try await eventually(within: .seconds(120), "the rotation that was queued") {
      let plans = (try? cluster.query("plan", "list") as? [String: Any])?["plans"] as? [[String: Any]] ?? []
      return plans.contains { $0["kind"] as? String == "rotate master keys" && $0["state"] as? String == "done" }
        ? true : nil
    }
    _ = try await eventually("the second mail") { sink.mails.count == 2 ? true : nil }
    #expect(sink.mails[1].header("In-Reply-To") == sink.mails[0].header("Message-ID"))
    let alerts = (try cluster.query("alert", "list") as? [String: Any])?["alerts"] as? [[String: Any]]
    #expect(alerts?.contains { $0["title"] as? String == "KMS key revoked" } == false)
    #expect(!Self.holds(TestCluster.mailPassword, below: cluster.root + "/log"))
    #expect(!Self.holds(TestCluster.mailPassword, below: cluster.root + "/coordinator"))
    #expect(!Self.holds(TestCluster.mailPassword, below: cluster.root + "/nodes"))
    for daemon in cluster.daemons {
      let process = ProcessLook(pid: try #require(daemon.pid))
      #expect(
        try !process.environment.contains(TestCluster.mailPassword)
          && !process.arguments.contains(TestCluster.mailPassword))
    }
  }

  @Test("credentials that were taken away are changed while it lasts: proven by every node, then all nodes open")
  func otherCredentials() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      let arn = try cluster.useKey()
      let (first, second) = (try accessKey("first", cluster), try accessKey("second", cluster))
      #expect(try use(arn, id: first.id, secret: first.secret, cluster).status == 0)
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      try cluster.operate("local-kms", "delete-access-key", first.id, "--data", cluster.root + "/kms")
      _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
      _ = try await shown(cluster, until: "disabled")
      // Credentials that are none leave everything as it is.
      let wrong = try use(arn, id: second.id, secret: "thisIsNotTheSecretOfThatAccessKeyAtAll00", cluster)
      #expect(wrong.status == 1 && wrong.output.contains("stay in force"))
      // A node that is away takes them when it returns.
      let away = cluster.nodes[2]
      away.kill9()
      let right = try use(arn, id: second.id, secret: second.secret, cluster)
      #expect(right.status == 0, "\(right.output)")
      try await phase("serving", of: Array(cluster.nodes.prefix(2)), in: cluster)
      try await away.start()
      try await phase("serving", of: cluster.nodes, in: cluster)
      #expect(!Self.holds(second.secret, below: cluster.root + "/nodes"), "a secret was written to a node's disk")
    }
  }

  @Test("while the KMS is away new databases are made and read with the keys in memory, and a lost node costs nothing")
  func outage() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      cluster.kms.kill9()
      for _ in 0..<2 { _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project]) }
      let alerts = (try cluster.query("alert", "list") as? [String: Any])?["alerts"] as? [[String: Any]]
      #expect(alerts?.contains { $0["title"] as? String == "KMS network access denied" } == true)
      let lost = try await cluster.primary()
      try await cluster.insert(1, into: "k", of: "fresh")
      lost.kill9()
      try await cluster.insert(2, into: "k", of: "fresher")
      try await cluster.holds(1, in: "k", of: "fresh")
      try await lost.start()
      try await phase("awaiting KMS", of: [lost], in: cluster)
      try await cluster.kms.start()
      try cluster.operate("cluster", "try-again", TestCluster.name)
      try await phase("serving", of: cluster.nodes, in: cluster)
      let after = try await eventually("the alert to close") { () -> Bool? in
        guard let list = try? cluster.query("alert", "list") as? [String: Any],
          let alerts = list["alerts"] as? [[String: Any]]
        else { return nil }
        return alerts.contains { $0["title"] as? String == "KMS network access denied" } ? nil : true
      }
      #expect(after)
    }
  }

  // MARK: Parts

  /// What `cluster show` says once the cluster is in this state.
  private func shown(_ cluster: TestCluster, until state: String) async throws -> [String: Any] {
    let json = try await eventually("the cluster \(state)") { () -> Data? in
      guard let view = try? cluster.query("cluster", "show", TestCluster.name) as? [String: Any],
        view["state"] as? String == state
      else { return nil }
      return try JSONSerialization.data(withJSONObject: view)
    }
    return try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
  }

  /// Makes an access key of the local KMS.
  private func accessKey(_ name: String, _ cluster: TestCluster) throws -> (id: String, secret: String) {
    let file = "\(cluster.root)/\(name).json"
    try cluster.operate("local-kms", "create-access-key", "--file", file, "--data", cluster.root + "/kms")
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file)))
    let fields = try #require(object as? [String: Any])
    return (try #require(fields["accessKeyId"] as? String), try #require(fields["secretAccessKey"] as? String))
  }

  /// Gives the project credentials of the local KMS.
  private func use(_ arn: String, id: String, secret: String, _ cluster: TestCluster) throws -> (
    status: Int32, output: String
  ) {
    let file = "\(cluster.root)/kms.secret"
    try Data(secret.utf8).write(to: URL(fileURLWithPath: file))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    let view = try #require(try cluster.query("kms", "show", TestCluster.project) as? [String: Any])
    return try cluster.run([
      "keyfold", "kms", "set", TestCluster.project, "--key", arn, "--access-key-id", id, "--secret-file", file,
      "--endpoint", try #require(view["endpoint"] as? String), "--ca-file", cluster.root + "/kms/ca.pem",
    ])
  }

  /// Whether a file below a folder holds this text.
  private static func holds(_ text: String, below folder: String) -> Bool {
    let files = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return files.contains { file in
      FileManager.default.contents(atPath: "\(folder)/\(file)")?.range(of: Data(text.utf8)) != nil
    }
  }

  private static func boots(_ cluster: TestCluster) throws -> [String] {
    let boots = try nodes(cluster).compactMap { $0["boot"] as? String }
    try #require(boots.count == cluster.nodes.count)
    return boots
  }

  private func areReplaced(boots: [String], _ cluster: TestCluster) async throws {
    _ = try await eventually("new process images") { () -> Bool? in
      guard let views = try? Self.nodes(cluster), views.allSatisfy({ $0["phase"] as? String == "disabled" }),
        let now = try? Self.boots(cluster)
      else { return nil }
      return Set(now).isDisjoint(with: boots) ? true : nil
    }
  }

  /// How many seconds after `moment` the last of these was, each of which has to have come.
  private static func last(_ times: [OperatorTime?], since moment: OperatorTime) throws -> Double {
    let latest = try times.map { try #require($0).milliseconds }.max()
    return Double(try #require(latest) - moment.milliseconds) / 1000
  }

  /// How many seconds a plain restart of a node takes just now, to the point at which its process answers.
  private func restart(_ cluster: TestCluster) async throws -> Double {
    let node = try await cluster.secondary()
    node.stop()
    let begun = ContinuousClock.now
    try await node.start()
    let time = (ContinuousClock.now - begun) / .seconds(1)
    try await cluster.holds(1, in: "k", of: "keys", on: node)
    try await phase("serving", of: cluster.nodes, in: cluster)
    return time
  }

  /// Looks at every node's own port until it is closed to drivers. A node that replaces its process image has no port
  /// at all for a moment.
  private func areClosed(_ cluster: TestCluster) async throws {
    _ = try await eventually("all nodes closed") { () -> Bool? in
      for node in cluster.nodes {
        guard let port = try? await cluster.driverPort(of: node),
          let client = try? WireClient(port: port, timeoutSeconds: 2),
          let reply = try? client.run([
            "find": "k", "filter": [:], "$db": "keys", "$readPreference": ["mode": "secondaryPreferred"],
          ])
        else { continue }
        if reply["ok"] == .double(1) { return nil }
      }
      return true
    }
  }

  private static func nodes(_ cluster: TestCluster) throws -> [[String: Any]] {
    (try cluster.query("node", "list") as? [String: Any])?["nodes"] as? [[String: Any]] ?? []
  }

  private func phase(_ wanted: String, of nodes: [Daemon], in cluster: TestCluster) async throws {
    _ = try await eventually("\(nodes.map(\.name)) \(wanted)") { () -> Bool? in
      guard let views = try? Self.nodes(cluster) else { return nil }
      let phases = nodes.map { node in views.first { $0["name"] as? String == node.name }?["phase"] as? String }
      return phases.allSatisfy { $0 == wanted } ? true : nil
    }
  }
}
