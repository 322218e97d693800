// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import ClusterModel
import EncryptedStore
import Foundation
import KeyHierarchy
import Replication
import Sealing
import Secrets

/// What rotating a master key costs: by the number of keys, and by the size of the data.
struct RotateBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate",
    abstract: "A new master key for 1, 100 and 10,000 database keys, and for 1 and 10 GB of data.",
    discussion: """
      One rotation is one replacement of the keystore: every key wrapped anew, written beside, synced, renamed, the \
      folder synced. The peer replaces a file of the same size in the same way and wraps nothing. The KMS's call is \
      not part of it. Data is loaded in bulk and checkpointed; then every file of the store is compared by inode, \
      size and time of change before and after the rotations.
      """)

  @Option(help: "Rotations of each kind; the median counts.") var rounds = 11
  @Option(help: "Gigabytes of data, separated by commas.") var gigabytes = "1,10"
  @Option(help: "MiB of cache of the store.") var cache = 256
  @Option(help: "Folder for the data.") var folder = FileManager.default.temporaryDirectory.path

  func run() async throws {
    report("Rotation of a master key by the number of database keys below it, \(rounds) rounds:")
    report("     keys   keystore      median       least    greatest    plain replacement   ratio")
    for keys in [1, 100, 10_000] { try measure(keys: keys) }
    report("")
    report("By the size of the data, one database:")
    report("     data      files      median       least    greatest    bytes written to data files")
    for text in gigabytes.split(separator: ",") {
      guard let size = Double(text), size > 0 else { throw ValidationError("'\(text)' is no number of gigabytes") }
      try measure(gigabytes: size)
    }
  }

  // MARK: By keys

  private func measure(keys: Int) throws {
    let place = folder + "/keyfold-bench-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    let keystore = try makeKeystore(at: place + "/keystore", databases: keys)
    let size = try sizeOfFile(place + "/keystore")
    let plain = [UInt8](repeating: 7, count: size)
    var (rotations, replacements): ([Double], [Double]) = ([], [])
    for round in 0...rounds {
      let master = try MasterKey.generate()
      let rotation = try Cost.of {
        try keystore.rewrap(under: master, wrapped: wrapped, expectedVersion: keystore.version)
      }
      let replacement = try Cost.of { try Secrets.DurableFile.replace(place + "/plain", with: plain) }
      // The first warms up.
      if round > 0 {
        rotations.append(rotation.wall * 1000)
        replacements.append(replacement.wall * 1000)
      }
    }
    keystore.wipe()
    report(
      String(
        format: "%9d %8d B %8.2f ms %8.2f ms %8.2f ms %17.2f ms %7.2f", keys, size, median(rotations),
        rotations.min() ?? 0, rotations.max() ?? 0, median(replacements), median(rotations) / median(replacements)))
  }

  // MARK: By data

  private func measure(gigabytes: Double) throws {
    let place = folder + "/keyfold-bench-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: place) }
    let keystore = try makeKeystore(at: place + "/keystore", databases: 1)
    let source = KeystoreSource(keystore: keystore)
    let rows = Int(gigabytes * 1e9) / (Rows.valueBytes + Rows.keyBytes)
    let options = StoreOptions(
      cacheBytes: cache << 20, compression: .none, systemKeyID: "system", checkpointInterval: .zero)
    let store = try Store.create(at: place + "/store", options: options, keys: source)
    try load(rows, into: store)
    let before = try files(in: place + "/store")
    var times: [Double] = []
    for _ in 0..<rounds {
      let master = try MasterKey.generate()
      times.append(
        try Cost.of { try keystore.rewrap(under: master, wrapped: wrapped, expectedVersion: keystore.version) }.wall
          * 1000)
    }
    let after = try files(in: place + "/store")
    let written = after.filter { before[$0.key] != $0.value }.reduce(0) { $0 + $1.value.size }
    try store.close()
    keystore.wipe()
    report(
      String(
        format: "%6.2f GB %10d %8.2f ms %8.2f ms %8.2f ms %17d", gigabytes, before.count, median(times),
        times.min() ?? 0, times.max() ?? 0, written))
    guard written == 0 else { throw ExitCode.failure }
  }

  private func load(_ count: Int, into store: Store) throws {
    let made = Rows()
    let session = try store.openSession()
    defer { session.close() }
    try session.createTable("rows", TableOptions(keyID: "database", logged: false, leafPageBytes: 8 << 10))
    let cursor = try session.openBulkCursor("rows")
    for row in 0..<count { try cursor.insert(Rows.key(row), made.value(row)) }
    try cursor.finish()
    try session.checkpoint()
  }

  /// What would tell that a file was written to.
  private struct Mark: Equatable {
    var inode: UInt64
    var size: Int
    var modified: Date?
  }

  private func files(in place: String) throws -> [String: Mark] {
    var marks: [String: Mark] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: place) {
      let facts = try FileManager.default.attributesOfItem(atPath: place + "/" + name)
      marks[name] = Mark(
        inode: (facts[.systemFileNumber] as? NSNumber)?.uint64Value ?? 0, size: try sizeOfFile(place + "/" + name),
        modified: facts[.modificationDate] as? Date)
    }
    return marks
  }

  // MARK: Parts

  private var wrapped: WrappedMasterKey {
    WrappedMasterKey(
      provider: .aws, keyID: "bench", keyVersion: "1", region: "bench", createdAtMilliseconds: 0,
      blob: [UInt8](repeating: 1, count: 184))
  }

  private func makeKeystore(at path: String, databases: Int) throws -> Keystore {
    let scopes = try (0..<databases).map { KeyScope.database(try DatabaseName("database\($0)")) }
    return try Keystore.create(
      at: path,
      identity: KeystoreIdentity(
        cluster: ClusterName("bench"), node: NodeName("bench"), generation: GenerationID.random()),
      master: MasterKey.generate(), wrapped: wrapped, scopes: [.system, .oplog] + scopes)
  }

  private func sizeOfFile(_ path: String) throws -> Int {
    (try FileManager.default.attributesOfItem(atPath: path)[.size] as? NSNumber)?.intValue ?? 0
  }

  private func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? 0 : (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
  }
}

/// The ciphers of a keystore by short names: `system`, and `database` for its only database.
private struct KeystoreSource: PageKeySource {
  let keystore: Keystore

  func pageCipher(forKeyID keyID: String) -> PageCipher? {
    let scope = keystore.keys.map(\.id.scope).first { scope in
      if case .database = scope { keyID == "database" } else { scope == .system && keyID == "system" }
    }
    return scope.flatMap { keystore.currentKey(for: $0) }.flatMap { try? keystore.cipher(for: $0) }
  }
}
