// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Secrets
import Testing

@testable import KeyHierarchy

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

/// What a customer can do who holds the KMS and a node's disk: unwrap everything.
private struct Customer {
  let factory = KeyManagementFactory()
  let service: any KeyManagementService

  init(_ cluster: TestCluster, key: String) throws {
    let folder = cluster.root + "/kms"
    let credentials = try LocalKMSCredentials(file: folder + "/" + LocalKMSServer.credentialsFile)
    let authority = try String(contentsOfFile: folder + "/" + LocalKMSServer.authorityFile, encoding: .utf8)
    service = try factory.makeService(
      settings: KMSSettings(
        provider: .aws, keyID: key, region: String(key.split(separator: ":")[3]),
        endpoint: try LocalKMSReady(directory: folder).endpoint, certificateAuthorityPEM: authority,
        accessKeyID: credentials.accessKeyID),
      secret: credentials.secretKey)
  }

  func close() async { await factory.shutdown() }

  /// The node's master key and every key below it.
  func keys(of node: Daemon) async throws -> [Needle] {
    let files = try NodeFiles(node)
    // Opening a keystore tidies up beside its file: a copy is opened.
    let copy = node.data + ".keystore"
    try FileManager.default.copyItem(atPath: files.path("keystore"), toPath: copy)
    defer { try? FileManager.default.removeItem(atPath: copy) }
    let sealed = try SealedKeystore.read(from: copy)
    let context = KeyContext(
      project: ProjectName(checked: TestCluster.project), cluster: sealed.identity.cluster, node: sealed.identity.node,
      purpose: .masterKey)
    let payload = try await service.unwrap(sealed.wrappedMasterKey, context: context, deadline: .seconds(20))
    let master = try MasterKey(unwrapped: payload, context: context)
    let keystore = try sealed.open(with: master, expecting: sealed.identity)
    defer { keystore.wipe() }
    var keys = [Needle(master.key.unprotectedCopy(), named: "master key of \(node.name)")]
    for key in keystore.keys {
      let bytes = keystore.withKey(key.id) { $0.unprotectedCopy() }
      keys.append(Needle(try #require(bytes), named: "\(key.scope) key of \(node.name)"))
    }
    return keys
  }
}

/// Bytes that must stand nowhere; they have a name, because they are never printed.
private struct Needle {
  let name: String
  let spellings: [[UInt8]]

  /// Raw, in hex of both cases, and in base64 at each of the three places where it may begin.
  init(_ bytes: [UInt8], named name: String) {
    self.name = name
    let hex = bytes.map { byte in
      String(repeating: "0", count: byte < 16 ? 1 : 0) + String(byte, radix: 16)
    }.joined()
    var spellings = [bytes, Array(hex.utf8), Array(hex.uppercased().utf8)]
    for lead in 0..<3 {
      // What stands before and behind the bytes changes the first and the last digits, which are left out.
      let text = Data([UInt8](repeating: 0, count: lead) + bytes).base64EncodedString()
      let digits = Array(text.utf8.filter { $0 != UInt8(ascii: "=") })
      spellings.append(Array(digits.dropFirst(lead == 0 ? 0 : lead + 1).dropLast(2)))
    }
    self.spellings = spellings
  }

  /// A secret that is text already, as a file holds it.
  init(textOf file: String, named name: String) throws {
    let text = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    self.name = name
    spellings = [Array(text.utf8)]
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
      for needle in needles where needle.spellings.contains(where: { stands($0, in: contents) }) {
        hits.append(Hit(file: path, name: needle.name))
      }
    }
    guard files > 0 else { throw TestFailure("there was nothing to look at") }
    return hits
  }

  private static func stands(_ bytes: [UInt8], in contents: Data) -> Bool {
    unsafe contents.withUnsafeBytes { hay in
      unsafe bytes.withUnsafeBytes { needle in
        guard var place = hay.baseAddress, let what = needle.baseAddress, let first = unsafe needle.first else {
          return false
        }
        var left = hay.count - needle.count + 1
        while left > 0, let found = unsafe memchr(place, Int32(first), left) {
          if unsafe memcmp(found, what, needle.count) == 0 { return true }
          left -= unsafe found - UnsafeMutableRawPointer(mutating: place) + 1
          unsafe place = UnsafeRawPointer(found) + 1
        }
        return false
      }
    }
  }
}
