// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("Files that are damaged", .serialized) struct DamageTests {
  @Test("a damaged, cut, missing or swapped file fails its node by name; the others serve on")
  func damages() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try await fill(cluster)
      let victim = cluster.nodes[2]
      victim.stop()
      let intact = victim.data + ".intact"
      try FileManager.default.copyItem(atPath: victim.data, toPath: intact)

      for damage in Damage.all {
        try FileManager.default.removeItem(atPath: victim.data)
        try FileManager.default.copyItem(atPath: intact, toPath: victim.data)
        let file = try damage.apply(to: victim, other: cluster.nodes[1])
        try await victim.start()
        let reason = try await failure(of: victim, in: cluster, after: damage)
        #expect(reason.contains(file), "\(damage.name): the report does not name \(file): \(reason)")
        _ = try await cluster.primary()
        let client = try await cluster.client(cluster.nodes[0])
        try client.succeed([
          "find": "d", "filter": ["_id": 7], "$db": "damage", "$readPreference": ["mode": "secondaryPreferred"],
        ])
        victim.stop()
      }
    }
  }

  private func fill(_ cluster: TestCluster) async throws {
    let client = try await cluster.client(try await cluster.primary())
    for number in 0..<200 {
      try client.succeed([
        "insert": "d", "$db": "damage",
        "documents": [["_id": .integer(number), "text": .string(String(repeating: "x\(number) ", count: 200))]],
      ])
    }
    // Restarted nodes have everything in their table files, where damage can be found.
    try cluster.operate("cluster", "restart", TestCluster.name, "--wait", "--timeout", "120")
  }

  private func failure(of node: Daemon, in cluster: TestCluster, after damage: Damage) async throws -> String {
    try await eventually(within: .seconds(30), "\(node.name) reports \(damage.name)") {
      if damage.needsRead { try? await read(node, cluster) }
      guard let list = try? cluster.query("node", "list") as? [String: Any],
        let nodes = list["nodes"] as? [[String: Any]],
        let view = nodes.first(where: { $0["name"] as? String == node.name }),
        (view["phase"] as? String) == "failed"
      else { return nil }
      return "\(view)"
    }
  }

  private func read(_ node: Daemon, _ cluster: TestCluster) async throws {
    let client = try await cluster.client(node)
    _ = try client.run([
      "find": "d", "filter": ["text": "nothing"], "$db": "damage", "$readPreference": ["mode": "secondaryPreferred"],
    ])
  }
}

/// One way to damage a stopped node's files; answers the name that the report has to contain.
struct Damage: Sendable {
  let name: String
  /// Whether the damage shows only when the page is read.
  var needsRead = false
  let change: @Sendable (_ files: NodeFiles, _ other: NodeFiles) throws -> String

  func apply(to node: Daemon, other: Daemon) throws -> String { try change(NodeFiles(node), NodeFiles(other)) }

  static let all: [Damage] = [
    Damage(name: "a bit of the keystore") { files, _ in
      try files.flip("keystore", at: 0.5)
      return "keystore"
    },
    Damage(name: "a keystore cut short") { files, _ in
      try files.cut("keystore", to: 0.5)
      return "keystore"
    },
    Damage(name: "another node's keystore") { files, other in
      try files.replace("keystore", with: other.path("keystore"))
      return "keystore"
    },
    Damage(name: "no keystore") { files, _ in
      try FileManager.default.removeItem(atPath: files.path("keystore"))
      return "keystore"
    },
    Damage(name: "no turtle") { files, _ in
      try FileManager.default.removeItem(atPath: files.path("store/WiredTiger.turtle"))
      return "WiredTiger.turtle"
    },
    Damage(name: "no metadata") { files, _ in
      try FileManager.default.removeItem(atPath: files.path("store/WiredTiger.wt"))
      return "WiredTiger.wt"
    },
    Damage(name: "a table cut short", needsRead: true) { files, _ in
      let table = try files.largestTable()
      try files.cut("store/" + table, to: 0.3)
      return table
    },
    Damage(name: "bits of a table", needsRead: true) { files, _ in
      let table = try files.largestTable()
      for place in stride(from: 0.1, to: 1.0, by: 0.05) { try files.flip("store/" + table, at: place) }
      return table
    },
  ]
}

/// The files of a node's live generation.
struct NodeFiles {
  let folder: String

  init(_ node: Daemon) throws {
    let id = try String(contentsOfFile: node.data + "/CURRENT", encoding: .utf8).trimmingCharacters(
      in: .whitespacesAndNewlines)
    folder = node.data + "/generations/" + id
  }

  func path(_ name: String) -> String { folder + "/" + name }

  func largestTable() throws -> String {
    let names = try FileManager.default.contentsOfDirectory(atPath: path("store")).filter { $0.hasPrefix("c_") }
    let sized = names.map { name in
      (name, (try? FileManager.default.attributesOfItem(atPath: path("store/" + name))[.size] as? Int) ?? 0)
    }
    guard let largest = sized.max(by: { $0.1 < $1.1 }) else { throw TestFailure("there is no table in \(folder)") }
    return largest.0
  }

  func flip(_ name: String, at place: Double) throws {
    try change(name) { bytes in bytes[Int(Double(bytes.count - 1) * place)] ^= 0x10 }
  }

  func cut(_ name: String, to part: Double) throws {
    try change(name) { bytes in bytes.removeLast(bytes.count - Int(Double(bytes.count) * part)) }
  }

  func replace(_ name: String, with other: String) throws {
    try FileManager.default.removeItem(atPath: path(name))
    try FileManager.default.copyItem(atPath: other, toPath: path(name))
  }

  private func change(_ name: String, _ body: (inout [UInt8]) -> Void) throws {
    var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
    body(&bytes)
    try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
  }
}
