// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Secrets
import Testing

@Suite("Keys at rest", .serialized, .timeLimit(.minutes(10))) struct RawKeyTests {
  @Test("no key of any node stands in any file of nodes, coordinator, KMS or logs, in any spelling")
  func rawKeys() async throws {
    try SecureHeap.initialize(allowingUnlocked: true)
    try await TestCluster.with(nodes: 3) { cluster in
      let arn = try cluster.useKey()
      try await cluster.underLoad { load in
        try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait")
        try cluster.operate("keys", "rotate", TestCluster.name, "--wait")
        try await load.progress(by: 20)
      }
      let customer = try Customer(cluster, key: arn)
      var needles: [Needle] = []
      for node in cluster.nodes {
        let keys = try await customer.keys(of: node)
        // One master key, the system's, the oplog's and at least one database's.
        #expect(keys.count >= 4, "\(node.name) has \(keys.count) keys")
        needles += keys
        needles.append(try Needle(textOf: "\(cluster.root)/\(node.name).key", named: "identity of \(node.name)"))
      }
      await customer.close()

      let folders = ["nodes", "coordinator", "kms", "log"].map { cluster.root + "/" + $0 }
      #expect(try KeyScan.find(needles, below: folders).isEmpty)
      for node in cluster.nodes { node.stop() }
      #expect(try KeyScan.find(needles, below: folders).isEmpty, "after the engines were closed")

      try expectFound(needles, spelled: cluster.root + "/control")
    }
  }

  @Test("a node that is locked out has none of its keys in memory, where a serving one has them all")
  func memory() async throws {
    guard ProcessLook.mayReadMemory else { try Test.cancel("only root may read another process's memory") }
    try SecureHeap.initialize(allowingUnlocked: true)
    try await TestCluster.with(nodes: 1) { cluster in
      let arn = try cluster.useKey()
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait")
      try await cluster.insert(7, into: "k", of: "keys")
      let node = cluster.nodes[0]
      let customer = try Customer(cluster, key: arn)
      let keys = try await customer.keys(of: node)
      await customer.close()
      let process = ProcessLook(pid: try #require(node.pid))
      // The search is worth something only if it finds what is there.
      #expect(try process.found(keys) == Set(keys.map(\.name)))

      try cluster.operate("local-kms", "disable", arn, "--data", cluster.root + "/kms")
      _ = try cluster.run(["keyfold", "kms", "check", TestCluster.project])
      _ = try await eventually("the node disabled") { () -> Bool? in
        let views = (try? cluster.query("node", "list") as? [String: Any])?["nodes"] as? [[String: Any]] ?? []
        return !views.isEmpty && views.allSatisfy { $0["phase"] as? String == "disabled" } ? true : nil
      }
      // What says so may still be the old process image, about to be replaced.
      _ = try await eventually("a memory without keys") { try process.found(keys).isEmpty ? true : nil }
      #expect(node.pid == process.pid && node.isRunning)
    }
  }

  /// The scan is worth something only if it finds what is there: every key in every spelling.
  private func expectFound(_ needles: [Needle], spelled folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for (number, needle) in needles.enumerated() {
      for (kind, spelling) in needle.spellings.enumerated() {
        let file = "\(folder)/\(number)-\(kind)"
        var contents = Data(repeating: 0x41, count: 70_000)
        contents.append(contentsOf: spelling)
        contents.append(Data(repeating: 0x42, count: 9))
        try contents.write(to: URL(fileURLWithPath: file))
        #expect(try KeyScan.find([needle], below: [folder]) == [KeyScan.Hit(file: file, name: needle.name)])
        try FileManager.default.removeItem(atPath: file)
      }
    }
  }
}

/// Looks for bytes in every file of folders.
private enum KeyScan {
  struct Hit: Equatable, Hashable {
    let file: String
    let name: String
  }

  static func find(_ needles: [Needle], below folders: [String]) throws -> [Hit] {
    var hits: [Hit] = []
    var files = 0
    for path in try folders.flatMap({ try DiskScan.files(below: $0) }) {
      // A file may go away while it is looked for: a checkpoint, a journal that turned over.
      guard let contents = FileManager.default.contents(atPath: path) else { continue }
      files += 1
      for needle in needles where unsafe contents.withUnsafeBytes({ unsafe needle.stands(in: $0) }) {
        hits.append(Hit(file: path, name: needle.name))
      }
    }
    guard files > 0 else { throw TestFailure("there was nothing to look at") }
    return hits
  }
}
