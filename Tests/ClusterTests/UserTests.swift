// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

/// MongoDB's own Python driver against a cluster.
struct PythonDriver {
  private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .path
  private let python: String
  private let folder: String

  /// Nil where the driver can't be had.
  init?(for cluster: TestCluster) throws {
    folder = cluster.root
    let output = "\(folder)/venv.txt"
    let child = try ChildProcess(
      "\(Self.tests)/Interop/venv.sh", ["pymongo", "pymongo==4.15.5"], environment: Executables.environment,
      output: output)
    guard child.wait() == 0, let text = try? String(contentsOfFile: output, encoding: .utf8),
      let last = text.split(separator: "\n").last
    else { return nil }
    python = "\(last)/bin/python"
  }

  func start(_ arguments: [String], output: String) throws -> ChildProcess {
    try ChildProcess(
      python, ["\(Self.tests)/ClusterTests/users.py"] + arguments, environment: Executables.environment,
      output: output)
  }

  /// Runs a command of `users.py`; answers what it printed, or why it failed.
  func run(_ arguments: String...) throws -> String {
    let output = "\(folder)/\(UUID().uuidString).txt"
    let child = try start(arguments, output: output)
    let status = child.wait()
    let text = ((try? String(contentsOfFile: output, encoding: .utf8)) ?? "").trimmingCharacters(in: .newlines)
    return status == 0 ? text : "exited with \(status): \(text)"
  }
}

extension TestCluster {
  func uri(_ options: String = "") async throws -> String {
    var hosts: [String] = []
    for node in nodes { hosts.append("localhost:\(try await driverPort(of: node))") }
    return "mongodb://\(hosts.joined(separator: ","))/?replicaSet=\(Self.name)\(options)"
  }

  /// Writes a private file.
  func secret(_ text: String, in name: String) throws -> String {
    let path = "\(root)/\(name)"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    return path
  }

  func makeUser(_ name: String, _ role: String, password: String) throws {
    try operate(
      "user", "create", name, "--cluster", Self.name, "--role", role, "--password-file",
      try secret(password, in: "\(name).secret"))
  }

  /// Changes a node's configuration file.
  func configure(_ node: Daemon, _ change: (inout [String: Any]) -> Void) throws {
    let path = URL(fileURLWithPath: "\(root)/\(node.name).json")
    guard var object = try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any] else { return }
    change(&object)
    try JSONSerialization.data(withJSONObject: object).write(to: path)
  }
}

@Suite("Drivers come in as users of a real cluster", .serialized, .timeLimit(.minutes(10)))
struct UserTests {
  @Test("who may do what, on every member, at once when it changes, and still after everything was restarted")
  func users() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      guard let driver = try PythonDriver(for: cluster) else { try Test.cancel("pymongo cannot be installed here") }
      let uri = try await cluster.uri()
      #expect(try driver.run("codes", uri, "shop") == "0 0 0 0 73")

      try cluster.makeUser("shop.app", "readWrite", password: "p\u{FB01}: ,=@/w\u{F6}rd")
      try cluster.makeUser("shop.viewer", "read", password: "viewer's")
      try cluster.makeUser("admin.root", "admin", password: "toor")
      #expect(try driver.run("codes", uri, "shop") == "0 13 13 13 13")
      let root = ["username=root", "password=toor", "authSource=admin"]
      let app = ["username=app", "password=p\u{FB01}: ,=@/w\u{F6}rd", "authSource=shop"]
      let viewer = ["username=viewer", "password=viewer's", "authSource=shop"]
      #expect(try driver.run("codes", uri, "other", root[0], root[1], root[2]) == "0 0 0 0 73")
      #expect(try driver.run("codes", uri, "shop", app[0], app[1], app[2]) == "0 0 0 13 13")
      #expect(try driver.run("codes", uri, "shop", viewer[0], viewer[1], viewer[2]) == "0 0 13 13 13")
      #expect(try driver.run("codes", uri, "other", app[0], app[1], app[2]) == "0 13 13 13 13")
      #expect(try driver.run("databases", uri, app[0], app[1], app[2]) == "shop")
      #expect(try driver.run("codes", uri, "shop", app[0], "password=wrong", app[2]) == "18 18 18 18 18")
      #expect(try driver.run("codes", uri, "shop", "username=eve", app[1], app[2]) == "18 18 18 18 18")

      try await removal(cluster, driver, viewer)
      try await restart(cluster, driver, root)
      try administration(cluster)
    }
  }

  /// A user who is removed loses every member's ear, on connections that are open.
  private func removal(_ cluster: TestCluster, _ driver: PythonDriver, _ viewer: [String]) async throws {
    var held: [(child: ChildProcess, output: String)] = []
    for node in cluster.nodes {
      let (marker, output) = ("\(cluster.root)/\(node.name).held", "\(cluster.root)/\(node.name).hold")
      let uri = "mongodb://localhost:\(try await cluster.driverPort(of: node))/"
      held.append((try driver.start(["hold", uri, "shop", marker] + viewer, output: output), output))
      _ = try await eventually("\(node.name) reads") { FileManager.default.fileExists(atPath: marker) ? true : nil }
    }
    try cluster.operate("user", "remove", "shop.viewer", "--cluster", TestCluster.name)
    for (child, output) in held {
      #expect(child.wait() == 0)
      #expect(try String(contentsOfFile: output, encoding: .utf8) == "13\n")
    }
  }

  /// Users outlive a change of the primary and of every process, and stay out of logs.
  private func restart(_ cluster: TestCluster, _ driver: PythonDriver, _ root: [String]) async throws {
    try cluster.encrypt()
    for node in cluster.nodes {
      _ = try await eventually("\(node.name) keeps that there are users") { Self.knowsUsers(node) ? true : nil }
      node.kill9()
      try await node.start()
    }
    _ = try await cluster.primary()
    let uri = try await cluster.uri()
    #expect(try driver.run("codes", uri, "shop") == "0 13 13 13 13")
    #expect(try driver.run("codes", uri, "shop", root[0], root[1], root[2]) == "0 0 0 0 73")
    for daemon in cluster.nodes + [cluster.coordinator] {
      #expect(!daemon.logText.contains("toor") && !daemon.logText.contains("viewer's"), "\(daemon.name)")
    }
    let log = cluster.nodes.map(\.logText).joined()
    #expect(log.contains("a login failed") && log.contains("wrong password"))
  }

  /// Whether the node's disk says that the cluster has users, as it has to while the data is closed.
  private static func knowsUsers(_ node: Daemon) -> Bool {
    guard let contents = FileManager.default.contents(atPath: node.data + "/membership.json"),
      let memo = try? JSONSerialization.jsonObject(with: contents) as? [String: Any]
    else { return false }
    return memo["hasUsers"] as? Bool == true
  }

  private func administration(_ cluster: TestCluster) throws {
    let list = try cluster.operate("user", "list", "--cluster", TestCluster.name, "--json")
    #expect(list.contains("\"name\" : \"admin.root\"") || list.contains("\"name\":\"admin.root\""), "\(list)")
    try cluster.operate("user", "remove", "shop.app", "--cluster", TestCluster.name)
    let last = try cluster.run(["keyfold", "user", "remove", "admin.root", "--cluster", TestCluster.name])
    #expect(last.status == 4 && last.output.contains("last user"))
    let shown = try cluster.operate("node", "show", "node-1")
    #expect(shown.contains("drivers log in") && shown.contains("yes"))
    let file = try cluster.secret("a\tb", in: "bad.secret")
    let bad = try cluster.run(
      ["keyfold", "user", "password", "admin.root", "--cluster", TestCluster.name, "--password-file", file])
    #expect(bad.status == 2 && bad.output.contains("control character"))
  }
}
