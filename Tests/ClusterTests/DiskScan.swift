// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// Looks at the bytes on disk, as whoever steals it would.
enum DiskScan {
  /// How often `text` stands in any file below a folder.
  static func count(_ text: String, below folder: String) throws -> Int {
    let needle = Data(text.utf8)
    return try files(below: folder).reduce(0) { sum, path in
      guard let contents = FileManager.default.contents(atPath: path) else { return sum }
      var count = 0
      var start = contents.startIndex
      while let range = contents.range(of: needle, in: start..<contents.endIndex) {
        count += 1
        start = range.upperBound
      }
      return sum + count
    }
  }

  /// Files that anybody but their owner may touch.
  static func looseFiles(below folder: String) throws -> [String] {
    try files(below: folder).filter { path in
      let attributes = try? FileManager.default.attributesOfItem(atPath: path)
      let mode = attributes?[.posixPermissions] as? Int ?? 0
      return mode & 0o077 != 0
    }
  }

  static func generations(of node: Daemon) throws -> Int {
    try FileManager.default.contentsOfDirectory(atPath: node.data + "/generations").count
  }

  static func secretAccessKey(of cluster: TestCluster) throws -> String {
    let contents = try Data(contentsOf: URL(fileURLWithPath: cluster.root + "/kms/credentials.json"))
    let object = try JSONSerialization.jsonObject(with: contents) as? [String: Any]
    guard let secret = object?["secretAccessKey"] as? String else {
      throw TestFailure("credentials.json has no secret")
    }
    return secret
  }

  /// How often each node had its master key unwrapped, by the KMS's own audit log.
  static func unwrapsByNode(of cluster: TestCluster) throws -> [String: Int] {
    var counts: [String: Int] = [:]
    for call in try auditOfKMS(cluster) {
      guard call["operation"] as? String == "Decrypt",
        let node = (call["encryptionContext"] as? [String: String])?["keyfold:node"]
      else { continue }
      counts[node, default: 0] += 1
    }
    return counts
  }

  /// The KMS's own log, a call each.
  static func auditOfKMS(_ cluster: TestCluster) throws -> [[String: Any]] {
    let log = try String(contentsOfFile: cluster.root + "/kms/audit.jsonl", encoding: .utf8)
    return try log.split(separator: "\n").compactMap { line in
      try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    }
  }

  /// The ids of the master keys in use, as `keys tree` shows them.
  static func masterKeys(of cluster: TestCluster) throws -> [String] {
    let tree = try cluster.query("keys", "tree") as? [String: Any]
    let customerKeys = tree?["customerKeys"] as? [[String: Any]] ?? []
    return customerKeys.flatMap { $0["masterKeys"] as? [[String: Any]] ?? [] }.compactMap { $0["id"] as? String }
  }

  static func files(below folder: String) throws -> [String] {
    guard let names = FileManager.default.enumerator(atPath: folder) else {
      throw TestFailure("\(folder) can't be listed")
    }
    return names.compactMap { $0 as? String }.map { folder + "/" + $0 }.filter { path in
      var isFolder: ObjCBool = false
      return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
    }
  }
}
