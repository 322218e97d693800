// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

/// Whole lives of clusters under keys of Azure's and Google's dialects; AWS's is what all other tests use.
@Suite("A cluster under a key of another cloud", .serialized, .timeLimit(.minutes(15))) struct ProviderTests {
  /// Who asks for which key.
  enum Asking: String, CaseIterable, CustomTestStringConvertible {
    case azureClientSecret, googleServiceAccount, azureManagedIdentity, googleMetadata, awsRole

    var testDescription: String { rawValue }
    var isOfMachine: Bool { self == .azureManagedIdentity || self == .googleMetadata }
    /// Machines are one node each: there is one metadata service, and it gives everybody the same.
    var nodes: Int { isOfMachine || self == .awsRole ? 1 : 3 }
  }

  @Test(
    "is encrypted, starts again, is locked out with its key and comes back; no credential is left anywhere",
    arguments: Asking.allCases)
  func life(asking: Asking) async throws {
    var options = ClusterOptions()
    options.hasMetadataService = true
    try await TestCluster.with(nodes: asking.nodes, options: options) { cluster in
      let (key, secrets) = try use(asking, cluster)
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      try await cluster.insert(7, into: "k", of: "keys")

      // A new process asks the KMS by itself, with what the coordinator tells it.
      let restarted = try #require(cluster.nodes.last)
      restarted.kill9()
      try await restarted.start()
      try await phase("serving", in: cluster)

      try cluster.operate("local-kms", "disable", key, "--data", cluster.root + "/kms")
      _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
      try await phase("disabled", in: cluster)
      try cluster.operate("local-kms", "enable", key, "--data", cluster.root + "/kms")
      try cluster.operate("cluster", "try-again", TestCluster.name)
      try await phase("serving", in: cluster)
      try await cluster.holds(1, in: "k", of: "keys")
      try expectNowhere(secrets, cluster)
      if asking == .awsRole {
        #expect(try !sessions(cluster).isEmpty, "the role was never used")
        try expectNotInMemory(secrets, of: restarted)
      }
    }
  }

  // MARK: Credentials

  /// Gives the project a key and those who ask for it; answers the key and the secrets of the credentials.
  private func use(_ asking: Asking, _ cluster: TestCluster) throws -> (key: String, secrets: [String]) {
    let kms = cluster.root + "/kms"
    switch asking {
    case .azureClientSecret, .azureManagedIdentity:
      let identity = try identity("azure", cluster)
      let (client, tenant) = (try identity.text("clientId"), try identity.text("tenantId"))
      let secret = try identity.text("clientSecret")
      let key = try cluster.operate("local-kms", "create-key", "--azure", "cmk", "--data", kms).trimmed
      if asking == .azureManagedIdentity {
        try cluster.operate("local-kms", "set-machine", "--client", client, "--data", kms)
        try cluster.operate(
          "kms", "set", TestCluster.project, "--key", key, "--local-kms", kms, "--machine-identity")
      } else {
        let file = try secretFile(secret, cluster)
        try cluster.operate(
          "kms", "set", TestCluster.project, "--key", key, "--local-kms", kms, "--tenant", tenant, "--client-id",
          client,
          "--secret-file", file)
      }
      return (key, [secret])
    case .googleServiceAccount, .googleMetadata:
      let identity = try identity("google", cluster)
      let account = try identity.text("client_email")
      let key = try cluster.operate("local-kms", "create-key", "--google", "global/shop/cmk", "--data", kms).trimmed
      if asking == .googleMetadata {
        try cluster.operate("local-kms", "set-machine", "--service-account", account, "--data", kms)
        try cluster.operate(
          "kms", "set", TestCluster.project, "--key", key, "--local-kms", kms, "--machine-identity")
      } else {
        try cluster.operate(
          "kms", "set", TestCluster.project, "--key", key, "--local-kms", kms, "--secret-file", identity.file)
      }
      // The lines of the private key, without those that every key begins or ends with.
      let lines = try identity.text("private_key").split(separator: "\n").map(String.init)
      return (key, lines.filter { !$0.hasPrefix("-----") && $0.count >= 40 }.dropFirst().map { $0 })
    case .awsRole:
      let secret = try DiskScan.secretAccessKey(of: cluster)
      let arn = try cluster.operate("local-kms", "create-role", "keyfold", "--external-id", "3f1c-shop", "--data", kms)
        .trimmed
      let key = try cluster.operate("local-kms", "create-key", "--data", kms).trimmed
      let own = try Self.json(kms + "/credentials.json")
      let id = try #require(own["accessKeyId"] as? String)
      try cluster.operate(
        "kms", "set", TestCluster.project, "--key", key, "--local-kms", kms, "--role-arn", arn, "--external-id",
        "3f1c-shop", "--access-key-id", id, "--secret-file", try secretFile(secret, cluster))
      return (key, [secret])
    }
  }

  /// An identity's file and what stands in it.
  private struct Identity {
    let file: String
    let fields: [String: Any]

    func text(_ name: String) throws -> String { try #require(fields[name] as? String) }
  }

  private func identity(_ kind: String, _ cluster: TestCluster) throws -> Identity {
    let file = "\(cluster.root)/\(kind).json"
    try cluster.operate("local-kms", "create-identity", kind, "--file", file, "--data", cluster.root + "/kms")
    return Identity(file: file, fields: try Self.json(file))
  }

  private static func json(_ file: String) throws -> [String: Any] {
    try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: file))) as? [String: Any])
  }

  private func secretFile(_ secret: String, _ cluster: TestCluster) throws -> String {
    let file = cluster.root + "/kms.secret"
    try Data(secret.utf8).write(to: URL(fileURLWithPath: file))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    return file
  }

  // MARK: Where they must not be

  /// Credentials stand in no log, on no node's disk, not readable in the coordinator's store, and in nobody's
  /// environment or arguments.
  private func expectNowhere(_ secrets: [String], _ cluster: TestCluster) throws {
    #expect(!secrets.isEmpty)
    for secret in secrets {
      for folder in ["log", "nodes", "coordinator"] {
        #expect(try DiskScan.count(secret, below: "\(cluster.root)/\(folder)") == 0, "a credential stands in \(folder)")
      }
    }
    // The sessions of a role: whoever writes them down writes their ids.
    for id in try sessions(cluster) {
      for folder in ["log", "nodes", "coordinator"] {
        #expect(try DiskScan.count(id, below: "\(cluster.root)/\(folder)") == 0, "a session stands in \(folder)")
      }
    }
    for daemon in cluster.daemons {
      let process = ProcessLook(pid: try #require(daemon.pid))
      for secret in secrets {
        #expect(try !process.environment.contains(secret), "the environment of \(daemon.name)")
        #expect(try !process.arguments.contains(secret), "the arguments of \(daemon.name)")
      }
    }
  }

  /// The access key that assumes a role stays with the coordinator: a node that has started, checked and come back with
  /// it has never had it.
  private func expectNotInMemory(_ secrets: [String], of node: Daemon) throws {
    guard ProcessLook.mayReadMemory else { return }
    let process = ProcessLook(pid: try #require(node.pid))
    let control = Needle(Array(node.name.utf8), named: "control")
    let needles = secrets.enumerated().map { Needle(Array($0.element.utf8), named: "secret \($0.offset)") }
    #expect(try process.found(needles + [control]) == ["control"])
  }

  /// The ids of temporary credentials that the KMS was asked with, by its own audit log.
  private func sessions(_ cluster: TestCluster) throws -> Set<String> {
    let log = try String(contentsOfFile: cluster.root + "/kms/audit.jsonl", encoding: .utf8)
    return Set(log.matches(of: /ASIA[A-Z0-9]{16}/).map { String($0.output) })
  }

  private func phase(_ wanted: String, in cluster: TestCluster) async throws {
    _ = try await eventually("all nodes \(wanted)") { () -> Bool? in
      let views = (try? cluster.query("node", "list") as? [String: Any])?["nodes"] as? [[String: Any]] ?? []
      return views.count == cluster.nodes.count && views.allSatisfy { $0["phase"] as? String == wanted } ? true : nil
    }
  }
}

extension String {
  fileprivate var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
