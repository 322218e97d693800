// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

extension Points {
  /// Walked through by a node that puts its master key under another customer key.
  static let keyChange = ["cmk.wrap.before", "cmk.wrap.after", "cmk.replace.before", "cmk.replace.after"]
}

extension FailurePointTests {
  @Test("while its master key is put under another customer key starts again, and the old key is let go")
  func keyChange() async throws {
    try await TestCluster.with(nodes: 4) { cluster in
      var old = try cluster.useKey()
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      try await cluster.underLoad { load in
        for points in [Points.keyChange, Points.rotation] {
          let new = try cluster.makeKey()
          try await die(at: points, cluster, load, whenOrdered: cluster.naming(new))
          try await cluster.hasLeft(old, for: new)
          old = new
        }
      }
    }
  }

  @Test("while its master key moves to another region of the same key starts again, and no keystore names the old one")
  func regionChange() async throws {
    try await TestCluster.with(nodes: 4) { cluster in
      let here = try cluster.makeKey("--multi-region")
      let there = try cluster.run([
        "keyfold", "local-kms", "replicate", here, "--region", "eu-west-1", "--data", cluster.root + "/kms",
      ]).output.trimmingCharacters(in: .newlines)
      try cluster.order(cluster.naming(here))
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      try await cluster.underLoad { load in
        try await die(at: Points.keyChange, cluster, load, whenOrdered: cluster.naming(there))
        try await cluster.hasLeft(here, for: there, isRetired: false)
      }
      try cluster.operate("local-kms", "disable", here, "--data", cluster.root + "/kms")
      try cluster.operate("cluster", "restart", TestCluster.name, "--wait", "--timeout", "120")
    }
  }

  @Test("of the coordinator while the customer key is changed remembers both keys until no node needs the old one")
  func coordinatorDuringKeyChange() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      var old = try cluster.useKey()
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      for point in Points.coordinator.flatMap({ ["\($0):2", "\($0):4", "\($0):6"] }) {
        let new = try cluster.makeKey()
        cluster.coordinator.kill9()
        try await cluster.coordinator.start(with: ["KEYFOLD_FAILPOINT": point])
        // An order that comes to nothing brings it no nearer: it is given until it kills.
        _ = try await eventually(within: .seconds(120), "the coordinator dies at \(point)") { () -> Bool? in
          guard cluster.coordinator.isRunning else { return true }
          _ = try await blocking { try cluster.run(["keyfold"] + cluster.naming(new) + ["--timeout", "10"]) }
          return nil
        }
        try await isDead(cluster.coordinator, at: String(point.prefix { $0 != ":" }))
        try await cluster.coordinator.start()
        _ = try await cluster.primary()
        // Whether the order was taken is open: the same key named again changes nothing.
        _ = try await eventually("the new key is taken") {
          try cluster.run(["keyfold"] + cluster.naming(new)).status == 0 ? true : nil
        }
        try await cluster.hasLeft(old, for: new)
        old = new
      }
    }
  }
}

extension TestCluster {
  func makeKey(_ options: String..., in folder: String = "kms") throws -> String {
    try run(["keyfold", "local-kms", "create-key", "--data", "\(root)/\(folder)"] + options).output
      .trimmingCharacters(in: .newlines)
  }

  /// The order that gives the project another key.
  func naming(_ key: String, in folder: String = "kms") -> [String] {
    ["kms", "set", Self.project, "--key", key, "--local-kms", "\(root)/\(folder)"]
  }

  /// Gives an order in many words; throws unless it is done.
  func order(_ arguments: [String]) throws {
    let result = try run(["keyfold"] + arguments)
    guard result.status == 0 else {
      throw TestFailure("\(arguments.joined(separator: " ")) exited with \(result.status): \(result.output)")
    }
  }

  /// What the ledger says of a key.
  func need(of key: String) throws -> [String: Any]? {
    let ledger = try query("keys", "needed") as? [String: Any]
    return (ledger?["keys"] as? [[String: Any]])?.first { $0["keyID"] as? String == key }
  }

  /// What depends on a key, as the ledger says: the nodes among it.
  func nodesNeeding(_ key: String) throws -> Set<String> {
    let dependents = try need(of: key)?["dependents"] as? [[String: Any]] ?? []
    return Set(dependents.filter { $0["kind"] as? String == "node" }.compactMap { $0["subject"] as? String })
  }

  /// The nodes with a keystore on their disk whose master key is under a key: its id stands in the file.
  func nodesWithKeystore(under key: String) throws -> Set<String> {
    Set(
      try nodes.filter { node in
        try DiskScan.files(below: node.data + "/generations").contains { path in
          path.hasSuffix("/keystore")
            && FileManager.default.contents(atPath: path)?.range(of: Data(key.utf8)) != nil
        }
      }.map(\.name))
  }

  /// Waits until nothing is under the old key; then ledger, disks and the coordinator's store have to agree.
  func hasLeft(_ old: String, for new: String, isRetired: Bool = true) async throws {
    // What no settings name and nothing is under is no key of the ledger any more.
    _ = try await eventually(within: .seconds(120), "nothing is under the old key") {
      try need(of: old)?["canBeDeleted"] as? Bool ?? !isRetired ? true : nil
    }
    guard try nodesWithKeystore(under: old).isEmpty else { throw TestFailure("a keystore is still under \(old)") }
    let (listed, found) = (try nodesNeeding(new), try nodesWithKeystore(under: new))
    guard listed == found, found.count == nodes.count else {
      throw TestFailure("the ledger lists \(listed), the disks hold \(found)")
    }
    if isRetired { try operate("kms", "retire", old) }
  }
}
