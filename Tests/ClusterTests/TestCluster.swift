// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Synchronization

/// A whole installation of real processes in a temporary folder: local KMS, coordinator, agents, all on free ports.
final class TestCluster: Sendable {
  static let project = "shop"
  static let name = "orders"
  /// A word that stands in every document a test writes.
  static let marker = "Switzerland-the-marker"

  let root: String
  let kms: Daemon
  let coordinator: Daemon
  let nodes: [Daemon]
  /// The links between the nodes, if they go through our proxy.
  let links: LinkProxies?
  let options: ClusterOptions
  /// Each node's ports, fixed for its life.
  private let ports: [String: (drivers: Int, replication: Int)]

  private init(root: String, nodes count: Int, options: ClusterOptions) throws {
    self.root = root
    self.options = options
    let logs = root + "/log"
    kms = Daemon(
      "kms",
      executable: [
        "keyfold", "local-kms", "serve", "--data", root + "/kms", "--port", "\(Self.freePort())", "--metrics-port", "0",
      ] + (options.hasMetadataService ? ["--metadata-port", "\(Self.freePort())"] : []),
      data: root + "/kms", log: logs + "/kms.log")
    coordinator = Daemon(
      "coordinator",
      executable: ["keyfold-coordinator", "--data", root + "/coordinator", "--config", root + "/coordinator.json"],
      data: root + "/coordinator", log: logs + "/coordinator.log")
    nodes = (1...count).map { number in
      Daemon(
        "node-\(number)",
        executable: [
          "keyfold-agent", "run", "--config", "\(root)/node-\(number).json", "--data", "\(root)/nodes/node-\(number)",
        ], data: "\(root)/nodes/node-\(number)", log: "\(logs)/node-\(number).log",
        environment: options.environment.merging(
          options.disks?.environment(data: "\(root)/nodes/node-\(number)") ?? [:]
        ) { $1 })
    }
    ports = Dictionary(uniqueKeysWithValues: nodes.map { ($0.name, (Self.freePort(), Self.freePort())) })
    links =
      options.proxiesLinks ? try LinkProxies(nodes: nodes.map(\.name), ports: ports.mapValues(\.replication)) : nil
  }

  /// Starts everything and creates a cluster of `nodes` nodes, runs `body`, and stops and removes everything.
  static func with<Result>(
    nodes: Int, options: ClusterOptions = ClusterOptions(), _ body: (TestCluster) async throws -> Result
  ) async throws -> Result {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-\(UUID().uuidString)").path
    let cluster = try TestCluster(root: root, nodes: nodes, options: options)
    defer { cluster.tearDown() }
    do {
      try await cluster.bringUp()
      return try await body(cluster)
    } catch {
      cluster.keepLogs()
      throw error
    }
  }

  private func bringUp() async throws {
    let manager = FileManager.default
    for folder in ["", "/log", "/nodes"] {
      try manager.createDirectory(
        atPath: root + folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
    try await kms.start()
    // A port of its own for the coordinator's whole life, because agents and operators keep its address.
    try write(["listen": "127.0.0.1:\(Self.freePort())", "metrics": ["port": 0]], to: "coordinator.json")
    try await coordinator.start()
    try operate("project", "create", Self.project)
    let coordinatorPort = try await coordinator.ready()["control"] ?? 0
    let publicKey = try Self.readyField("publicKey", of: coordinator)
    for node in nodes {
      let identity = "\(root)/\(node.name).key"
      let key = try run(["keyfold-agent", "init", "--identity", identity]).output.trimmingCharacters(in: .newlines)
      try write(
        [
          "node": node.name, "identity": identity, "cacheMegabytes": 64, "checkpointSeconds": 2,
          "coordinator": ["address": "127.0.0.1:\(coordinatorPort)", "publicKey": publicKey],
          "drivers": ["port": configuredPort(of: node)], "replication": replicationSettings(of: node),
          "metrics": ["port": 0],
        ].merging(options.agents.fields) { $1 }, to: node.name + ".json")
      try operate("node", "enroll", node.name, "--cluster", Self.name, "--key", key)
      let points = Dictionary(uniqueKeysWithValues: zip(nodes.map(\.name), options.deathsAtCreation))
      try await node.start(with: points[node.name].map { ["KEYFOLD_FAILPOINT": $0] } ?? [:])
    }
    if options.deathsAtCreation.isEmpty {
      try operate("cluster", "create", Self.name, "--project", Self.project, "--wait", "--timeout", "180")
    } else {
      try operate("cluster", "create", Self.name, "--project", Self.project)
    }
  }

  /// Makes a key in the local KMS and gives it to the project; answers its ARN.
  @discardableResult
  func useKey() throws -> String {
    let arn = try run(["keyfold", "local-kms", "create-key", "--data", root + "/kms"]).output
      .trimmingCharacters(in: .newlines)
    try operate("kms", "set", Self.project, "--key", arn, "--local-kms", root + "/kms")
    return arn
  }

  func encrypt() throws {
    try useKey()
    try operate("cluster", "encrypt", Self.name, "--wait", "--timeout", "120")
  }

  /// Runs an operator's command and throws unless it says that it is done.
  @discardableResult
  func operate(_ arguments: String...) throws -> String {
    let result = try run(["keyfold"] + arguments)
    guard result.status == 0 else {
      throw TestFailure("keyfold \(arguments.joined(separator: " ")) exited with \(result.status): \(result.output)")
    }
    return result.output
  }

  /// Runs one of the executables with this installation's operator file.
  func run(
    _ arguments: [String], with settings: [String: String] = [:]
  ) throws -> (status: Int32, output: String) {
    let file = "\(root)/output-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: file) }
    let process = try ChildProcess(
      Executables.path(arguments[0]), Array(arguments.dropFirst()),
      environment: Executables.environment.merging(["KEYFOLD_OPERATOR": root + "/coordinator/operator.json"]) { $1 }
        .merging(settings) { $1 },
      output: file)
    let status = process.wait(within: .seconds(240))
    return (status, String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self))
  }

  /// What an operator's command says in JSON.
  func query(_ arguments: String...) throws -> Any {
    let result = try run(["keyfold"] + arguments + ["--json"])
    return try JSONSerialization.jsonObject(with: Data(result.output.utf8))
  }

  func node(_ name: String) throws -> Daemon {
    guard let node = nodes.first(where: { $0.name == name }) else { throw TestFailure("there is no \(name)") }
    return node
  }

  func driverPort(of node: Daemon) async throws -> Int {
    guard let port = try await node.ready()["drivers"] else { throw TestFailure("\(node.name) has no driver port") }
    return port
  }

  /// The node that says of itself that it is primary and takes writes.
  func primary(within limit: Duration = .seconds(120)) async throws -> Daemon {
    try await eventually(within: limit, "a primary") {
      for node in nodes + spares.withLock({ $0 }) where node.isRunning {
        guard let port = try? await driverPort(of: node), let client = try? WireClient(port: port, timeoutSeconds: 5),
          let hello = try? client.run(["hello": 1, "$db": "admin"])
        else { continue }
        if hello["isWritablePrimary"] == .bool(true) { return node }
      }
      return nil
    }
  }

  func client(_ node: Daemon) async throws -> WireClient { try WireClient(port: try await driverPort(of: node)) }

  /// The port drivers use, whether the node runs or not.
  func configuredPort(of node: Daemon) -> Int { ports[node.name]?.drivers ?? 0 }

  var breaksDisks: Bool { options.disks != nil }

  var daemons: [Daemon] { nodes + [coordinator, kms] + spares.withLock { $0 } }
  /// Nodes that were made after the cluster.
  let spares = Mutex<[Daemon]>([])

  private func replicationSettings(of node: Daemon) -> [String: Any] {
    var settings: [String: Any] = ["port": ports[node.name]?.replication ?? 0]
    if let links { settings.merge(links.settings(of: node.name)) { $1 } }
    return settings
  }

  /// A copy of a stopped node's disk and configuration, with its identity, on ports of its own.
  func clone(of node: Daemon) throws -> Daemon {
    let name = node.name + "-clone"
    let file = URL(fileURLWithPath: "\(root)/\(node.name).json")
    guard var settings = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any] else {
      throw TestFailure("\(node.name) has no configuration")
    }
    settings["drivers"] = ["port": Self.freePort()]
    settings["replication"] = ["port": Self.freePort()]
    try write(settings, to: name + ".json")
    let data = "\(root)/nodes/\(name)"
    try FileManager.default.copyItem(atPath: node.data, toPath: data)
    return Daemon(
      name, executable: ["keyfold-agent", "run", "--config", "\(root)/\(name).json", "--data", data], data: data,
      log: "\(root)/log/\(name).log")
  }

  func write(_ object: [String: Any], to name: String) throws {
    try JSONSerialization.data(withJSONObject: object).write(to: URL(fileURLWithPath: root + "/" + name))
  }

  static func readyField(_ name: String, of daemon: Daemon) throws -> String {
    let contents = try Data(contentsOf: URL(fileURLWithPath: daemon.data + "/ready.json"))
    let object = try JSONSerialization.jsonObject(with: contents) as? [String: Any]
    guard let value = object?[name] as? String else { throw TestFailure("ready.json of \(daemon.name) has no \(name)") }
    return value
  }

  /// The ports this process gave away: nothing listens on them yet, or not at this moment, and they are taken.
  private static let givenPorts = Mutex<Set<Int>>([])

  /// A port that is free now, given to nobody else. Nodes keep theirs over restarts, as an operator's would: it lies
  /// below those that the system gives to outgoing connections, one of which could have it when its node starts again.
  static func freePort() -> Int {
    for _ in 0..<1_000 {
      let port = Int.random(in: 12_000..<32_000)
      guard givenPorts.withLock({ $0.insert(port).inserted }) else { continue }
      let listener = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { close(listener) }
      let result = unsafe LoopbackAddress(port: port).withAddress { unsafe bind(listener, $0, $1) }
      if result == 0 { return port }
    }
    return 0
  }

  private func tearDown() {
    for daemon in daemons {
      daemon.send(SIGCONT)
      daemon.kill9()
    }
    links?.close()
    try? FileManager.default.removeItem(atPath: root)
  }

  /// Keeps the logs of a failed test where CI can show them.
  private func keepLogs() {
    guard let folder = ProcessInfo.processInfo.environment["KEYFOLD_TEST_LOGS"] else { return }
    try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try? FileManager.default.copyItem(
      atPath: root + "/log", toPath: "\(folder)/\(URL(fileURLWithPath: root).lastPathComponent)")
  }
}
