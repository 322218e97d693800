// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import EncryptedStore
import Foundation
import KeyHierarchy
import Logging
import ReplicationCore
import Secrets
import Synchronization
import Testing

@testable import Replication

/// A folder that is removed with its owner.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.path + "/keyfold-member-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Stands in for the customer's KMS: gives the master key of a generation back.
final class Vault: Sendable {
  private let payloads = Mutex<[GenerationID: Secret]>([:])
  private static let context = KeyContext(
    project: ProjectName(checked: "p"), cluster: ClusterName(checked: "c"), node: NodeName(checked: "n"),
    purpose: .masterKey)
  private static let wrapped = WrappedMasterKey(
    provider: .aws, keyID: "arn:key", keyVersion: "1", region: "r", createdAtMilliseconds: 1,
    blob: [UInt8](repeating: 7, count: 100))

  static func identity(_ id: GenerationID) -> KeystoreIdentity {
    KeystoreIdentity(cluster: ClusterName(checked: "c"), node: NodeName(checked: "n"), generation: id)
  }

  func makeKeystore(at path: String, for id: GenerationID) throws -> Keystore {
    let master = try MasterKey.generate()
    let payload = Secret(try master.payload(for: Self.context))
    payloads.withLock { $0[id] = payload }
    return try Keystore.create(at: path, identity: Self.identity(id), master: master, wrapped: Self.wrapped)
  }

  func openKeystore(at path: String, for id: GenerationID) throws -> Keystore {
    let payload = try #require(payloads.withLock { $0[id] })
    let master = try payload.withSecret { try MasterKey(unwrapped: $0, context: Self.context) }
    return try SealedKeystore.read(from: path).open(with: master, expecting: Self.identity(id))
  }
}

/// One node's data directory, with what it takes to make and open its generations.
struct TestNode: Sendable {
  let name: MemberID
  let directory: GenerationDirectory
  let vault: Vault

  init(_ name: String = "n1", in folder: TemporaryFolder, vault: Vault = Vault(), copy: String = "") throws {
    self.name = try MemberID(name)
    self.vault = vault
    directory = GenerationDirectory(root: "\(folder.path)/\(name)\(copy)")
    try directory.prepare()
  }

  /// Makes a generation that nothing points at yet.
  func make(encrypted: Bool, cacheBytes: Int = 32 << 20) throws -> OpenGeneration {
    let id = GenerationID.random()
    try directory.create(id)
    let keystore = encrypted ? try vault.makeKeystore(at: directory.keystorePath(of: id), for: id) : nil
    return try OpenGeneration.create(
      id, in: directory, keys: GenerationKeys(keystore: keystore), cacheBytes: cacheBytes, events: StoreEvents())
  }

  /// Makes the first generation of a shard.
  func found(voters: [MemberID], encrypted: Bool) throws -> OpenGeneration {
    let generation = try make(encrypted: encrypted)
    try ReplicaMember.found(generation, voters: voters)
    try directory.markServed(generation.id)
    try directory.point(at: generation.id)
    return generation
  }

  /// Opens what `CURRENT` names.
  func open() throws -> OpenGeneration {
    let id = try #require(try directory.current())
    let keystore =
      directory.isEncrypted(id) ? try vault.openKeystore(at: directory.keystorePath(of: id), for: id) : nil
    return try OpenGeneration.open(
      id, in: directory, keys: GenerationKeys(keystore: keystore), cacheBytes: 32 << 20, events: StoreEvents())
  }

  /// The node as a power failure now would leave it, in a directory of its own.
  func crashImage(_ suffix: String, in folder: TemporaryFolder) throws -> TestNode {
    try FileManager.default.copyItem(atPath: directory.root, toPath: directory.root + suffix)
    return try TestNode(name.text, in: folder, vault: vault, copy: suffix)
  }

  /// How many of the live generation's files hold a text.
  func files(containing marker: String) throws -> Int {
    let files = FileManager.default.enumerator(atPath: directory.root)?.compactMap { $0 as? String } ?? []
    return try files.count { file in
      let url = URL(filePath: directory.root + "/" + file)
      guard try url.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true else { return false }
      return try Data(contentsOf: url).range(of: Data(marker.utf8)) != nil
    }
  }

  func start(
    _ generation: OpenGeneration, on network: any MemberNetwork, settings: RaftSettings = .test,
    failures: Failures = Failures(), oplog: OplogOptions = OplogOptions()
  ) async throws -> ReplicaMember {
    try await ReplicaMember(
      me: name, generation: generation, settings: settings, seed: UInt64(name.text.utf8.reduce(0) { $0 + Int($1) }),
      network: network, logger: .quiet, oplog: oplog
    ) { failures.add($0) }
  }
}

/// What members reported as the end of them.
final class Failures: Sendable {
  private let errors = Mutex<[MemberError]>([])
  func add(_ error: MemberError) { errors.withLock { $0.append(error) } }
  var all: [MemberError] { errors.withLock { $0 } }
}

extension Logger {
  static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

extension RaftSettings {
  /// Quick enough for tests, slow enough for a busy machine.
  static var test: RaftSettings {
    var settings = RaftSettings()
    settings.electionTimeout = .milliseconds(1_200)
    settings.heartbeatInterval = .milliseconds(150)
    settings.appendRetryInterval = .milliseconds(200)
    return settings
  }

  /// For tests in which the same member has to lead throughout: one disk sync longer than `test` allows ends an office.
  static var steady: RaftSettings {
    var settings = RaftSettings.test
    settings.electionTimeout = .seconds(4)
    return settings
  }
}

struct TestFailure: Error, CustomStringConvertible {
  let description: String
}

/// Looks again and again until `condition` holds.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
  let deadline = ContinuousClock.now + .seconds(120)
  while ContinuousClock.now < deadline {
    if try await condition() { return }
    // tidy:allow sleep members have no event for most of what a test waits for; the condition decides, not the time
    try await Task.sleep(for: .milliseconds(10))
  }
  throw TestFailure(description: "not within 120 s: \(what)")
}

extension ReplicaMember {
  static let database = "shop"
  static let collection = "things"
  static let marker = "Switzerland"

  static func text(_ number: Int) -> String { "\(marker) number \(number)" }

  /// Inserts a document, and makes its collection if need be.
  func insert(_ number: Int, database: String = database, collection: String = collection) async throws {
    try await write { view in
      let id =
        try view.collection(database: database, name: collection)
        ?? view.createCollection(try DatabaseName(database), name: collection)
      try view.put(id, key: BigEndian.bytes(UInt64(number)), document: Array(Self.text(number).utf8))
    }
  }

  /// The numbers of the documents it holds, each checked.
  nonisolated func numbers(database: String = database, collection: String = collection) async throws -> [Int] {
    try await readers.read { view in
      guard let id = try view.collection(database: database, name: collection) else { return [] }
      var numbers: [Int] = []
      try view.scan(id, after: nil) { key, document in
        let number = Int(BigEndian.value(key) ?? 0)
        guard String(decoding: document, as: UTF8.self) == Self.text(number) else {
          throw TestFailure(description: "document \(number) is not what was written")
        }
        numbers.append(number)
        return true
      }
      return numbers
    }
  }

  func drop(_ database: String = database) async throws {
    try await write { try $0.dropDatabase(try DatabaseName(database)) }
  }

  /// The id of a database's key, nil if it has none.
  func keyID(_ database: String = database) -> KeyID? {
    generation.keys.keystore?.currentKey(for: .database(DatabaseName(checked: database)))
  }

  var tableCount: Int { tables.schema.tableNames().count { $0.hasPrefix("c_") } }
  var lastIndex: UInt64 { core.lastPosition.index }
}
