// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("Files that are damaged", .serialized, .timeLimit(.minutes(10))) struct DamageTests {
  @Test("a damaged, cut, missing or swapped file is named; the node is copied anew by itself; the others serve on")
  func damages() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try await fill(cluster)
      let victim = cluster.nodes[2]
      for (count, damage) in Damage.all.enumerated() {
        // A clean end leaves everything in the table files.
        victim.stop()
        let file = try damage.apply(to: victim, other: cluster.nodes[1])
        try await victim.start()
        let plan = try await cluster.initialSync(of: victim, at: count + 1, reading: ("damage", "d"))
        #expect(plan.contains(file), "\(damage.name): the plan does not name \(file): \(plan)")
        _ = try await cluster.primary()
        for node in [cluster.nodes[0], victim] {
          _ = try await eventually("\(damage.name): \(node.name) reads") {
            try? await cluster.client(node).succeed([
              "find": "d", "filter": ["_id": 7], "$db": "damage", "$readPreference": ["mode": "secondaryPreferred"],
            ])
          }
        }
        #expect(try DiskScan.generations(of: victim) == 1)
      }
    }
  }

  @Test("a bit that flips in a table nobody reads is found by the scrub, on a secondary and on the primary")
  func scrubbed() async throws {
    var options = ClusterOptions()
    // Passes 54 s apart: WiredTiger gives a table's checkpoint up half a minute after its last reader, pages and all.
    options.agents = AgentSettings(scrubMegabytesPerSecond: 100, scrubHours: 0.015)
    try await TestCluster.with(nodes: 3, options: options) { cluster in
      try cluster.encrypt()
      try await fill(cluster)
      for isPrimary in [false, true] {
        let primary = try await cluster.primary()
        let victim = isPrimary ? primary : cluster.nodes.first { $0 !== primary } ?? primary
        let table = try await damageWhatIsRead(on: victim, of: cluster)
        let plan = try await cluster.initialSync(of: victim, at: 1, reading: nil)
        #expect(plan.contains(table), "the plan does not name \(table): \(plan)")
        #expect(victim.logText.contains(table))
        _ = try await cluster.primary()
      }
    }
  }

  /// Damages the largest table after each pass of the scrub that finds nothing, until one does; answers its name. A
  /// checkpoint may write anew what was damaged before it, as long as a node that was just restarted has any to write.
  private func damageWhatIsRead(on victim: Daemon, of cluster: TestCluster) async throws -> String {
    var (table, lastPass) = ("", "")
    for attempt in 0..<4 {
      let pass = try await eventually(within: .seconds(300), "\(victim.name) has read all its tables") {
        () -> String? in
        if !table.isEmpty, victim.logText.contains("the store is damaged") { return "" }
        let view = try? cluster.query("node", "show", victim.name) as? [String: Any]
        let pass = (view?["scrub"] as? [String: Any])?["lastPassAt"] as? String
        return pass == lastPass ? nil : pass
      }
      if pass.isEmpty { break }
      lastPass = pass
      // What a pass read may stay in memory as long as its checkpoint is the table's last; a write makes another one.
      try await cluster.insert(Int(Date().timeIntervalSince1970), into: "d", of: "damage")
      let files = try NodeFiles(victim)
      table = try files.largestTable()
      // Densely: a bit of the padding behind a page is no damage. Never the same bits: that would mend them.
      try files.flipInPlace(
        "store/" + table, at: stride(from: 0.1 + 0.0005 * Double(attempt), to: 1.0, by: 0.002).map { $0 })
    }
    return table
  }

  private func fill(_ cluster: TestCluster) async throws {
    let documents = (0..<200).map { number -> Document in
      ["_id": .integer(number), "text": .string(String(repeating: "x\(number) ", count: 200))]
    }
    try await cluster.insert(documents, into: "d", of: "damage")
    // Restarted nodes have everything in their table files, where damage can be found.
    try cluster.operate("cluster", "restart", TestCluster.name, "--wait", "--timeout", "120")
  }
}

/// One way to damage a stopped node's files; answers the name that the report has to contain.
struct Damage: Sendable {
  let name: String
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
    Damage(name: "a table cut short") { files, _ in
      let table = try files.largestTable()
      try files.cut("store/" + table, to: 0.3)
      return table
    },
    Damage(name: "bits of a table") { files, _ in
      let table = try files.largestTable()
      for place in stride(from: 0.1, to: 1.0, by: 0.002) { try files.flip("store/" + table, at: place) }
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

  /// Flips bits of a file that is in use.
  func flipInPlace(_ name: String, at places: [Double]) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path(name)))
    defer { try? file.close() }
    let size = try file.seekToEnd()
    for place in places {
      let offset = UInt64(Double(size - 1) * place)
      try file.seek(toOffset: offset)
      guard let old = try file.read(upToCount: 1)?.first else { continue }
      try file.seek(toOffset: offset)
      try file.write(contentsOf: Data([old ^ 0x10]))
    }
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
