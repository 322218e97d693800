// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import ClusterModel
import EncryptedStore
import Foundation
import KeyHierarchy
import Logging
import Replication
import ReplicationCore

/// A member's initial sync into an encrypted generation against a copy of the same rows between two plain stores.
struct SyncBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sync",
    abstract: "A member's re-sync into an encrypted generation, against a plain copy in the process.")

  @Option(help: "Interleaved pairs.") var pairs = 5
  @Option(help: "Rows of 1 KiB.") var rows = 100_000
  @Option(help: "MiB of cache of each store.") var cache = 64
  @Option(help: "Folder for the data.") var folder = FileManager.default.temporaryDirectory.path

  func run() async throws {
    report("Initial sync of \(rows) rows of 1 KiB, \(cache) MiB cache, compression snappy:")
    report(
      "a member's re-sync from its live generation in plaintext into a new encrypted one (copy, oplog, checkpoints,")
    report("swap, removal of the old one), and a copy of the same rows between two stores in plaintext.")
    report(Pairs.heading("sync", "plain copy"))
    let made = Rows()
    let source = try BenchStore(encrypted: false, cacheBytes: cache << 20, compression: .snappy, in: folder)
    try source.load(made, count: rows)
    var syncs = Pairs("sync", work: Double(rows * (Rows.valueBytes + Rows.keyBytes)) / 1e6, unit: "MB/s")
    // The first pair warms the machine up.
    for pair in 0...pairs {
      let sync = try await sync(made)
      let copy = try copy(from: source)
      if pair > 0 { syncs.add(subject: sync, peer: copy) }
    }
    report(syncs.line)
  }

  private func sync(_ made: Rows) async throws -> Cost {
    let bench = try await BenchMember(cacheBytes: cache << 20, in: folder)
    defer { bench.remove() }
    try await bench.fill(made, rows)
    let cost = try await bench.encrypt()
    try await bench.member.close()
    return cost
  }

  private func copy(from source: BenchStore) throws -> Cost {
    let target = try BenchStore(encrypted: false, cacheBytes: cache << 20, compression: .snappy, in: folder)
    try source.reopen()
    return try Cost.of { try source.copy(into: target) }
  }
}

/// The only member of a shard, in a temporary folder.
struct BenchMember {
  struct NoNetwork: MemberNetwork {
    func send(_ message: RaftMessage, to member: MemberID) {}
  }

  let member: ReplicaMember
  private let directory: GenerationDirectory
  private let cacheBytes: Int
  private let name: NodeName

  init(cacheBytes: Int, in folder: String) async throws {
    directory = GenerationDirectory(root: folder + "/keyfold-bench-" + UUID().uuidString)
    self.cacheBytes = cacheBytes
    name = try NodeName("bench")
    try directory.prepare()
    let id = GenerationID.random()
    try directory.create(id)
    let plain = try OpenGeneration.create(
      id, in: directory, keys: GenerationKeys(keystore: nil), cacheBytes: cacheBytes, events: StoreEvents())
    try ReplicaMember.found(plain, voters: [name])
    try directory.point(at: id)
    member = try await ReplicaMember(
      me: name, generation: plain, settings: RaftSettings(), seed: 1, network: NoNetwork(),
      logger: Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() }), onFailure: { _ in })
    while member.status.role != .primary {
      await member.tick()
      // tidy:allow sleep Raft's own clock has to pass before a member that is alone leads
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  func remove() { try? FileManager.default.removeItem(atPath: directory.root) }

  /// Writes the rows, a thousand at a time, through the oplog.
  func fill(_ made: Rows, _ rows: Int) async throws {
    let database = try DatabaseName("bench")
    let collection = try await member.write { view in try view.createCollection(database, name: "rows") }
    for start in stride(from: 0, to: rows, by: 1_000) {
      try await member.write { view in
        for row in start..<min(start + 1_000, rows) {
          try view.put(collection, key: Rows.key(row), document: made.value(row))
        }
      }
      await member.tick()
    }
    // What a member does every minute; the oplog keeps what a new member would need.
    await member.checkpoint()
  }

  /// Re-syncs into a new encrypted generation.
  func encrypt() async throws -> Cost {
    let id = GenerationID.random()
    try directory.create(id)
    let wrapped = WrappedMasterKey(
      provider: .aws, keyID: "bench", keyVersion: "1", region: "bench", createdAtMilliseconds: 0, blob: [1])
    let keystore = try Keystore.create(
      at: directory.keystorePath(of: id),
      identity: KeystoreIdentity(cluster: ClusterName("bench"), node: name, generation: id),
      master: MasterKey.generate(), wrapped: wrapped)
    let fresh = try OpenGeneration.create(
      id, in: directory, keys: GenerationKeys(keystore: keystore), cacheBytes: cacheBytes, events: StoreEvents())
    let start = Cost.now()
    try await member.resync(into: fresh, from: member.openCopy(), progress: { _ in })
    return Cost.now() - start
  }
}
