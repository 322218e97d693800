// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import EncryptedStore
import KeyHierarchy
import ReplicationCore
import Testing

@testable import Replication

@Suite("The catalog", .serialized) struct CatalogTests {
  private static let database = DatabaseName(checked: "shop")

  private static func entry(_ index: UInt64, _ operations: OplogOperation...) throws -> LogEntry {
    LogEntry(
      position: LogPosition(term: 1, index: index), kind: .data, payload: try OplogRecord(operations).encoded())
  }

  /// Tables of a new generation with keys, used by the test's thread.
  private static func withTables(_ body: (MemberTables, TestNode) throws -> Void) throws {
    let folder = try TemporaryFolder()
    let node = try TestNode(in: folder)
    let generation = try node.found(voters: [node.name], encrypted: true)
    let tables = try MemberTables(generation)
    try body(tables, node)
    tables.close()
    try generation.close()
  }

  private static func keys(_ tables: MemberTables) -> [KeyID] {
    (tables.generation.keys.keystore?.keys ?? []).map(\.id).filter {
      if case .database = $0.scope { true } else { false }
    }
  }

  @Test("tells how large a collection's file is")
  func fileSize() throws {
    try Self.withTables { tables, _ in
      var random = SystemRandomNumberGenerator()
      let document = (0..<12_500).flatMap { _ in BigEndian.bytes(random.next() as UInt64) }
      let (large, small) = (CollectionID.random(), CollectionID.random())
      try tables.apply(
        try Self.entry(
          1, .createCollection(Self.database, name: "large", large), .createCollection(Self.database, name: "s", small),
          .put(large, key: [1], document: document)))
      try tables.schema.checkpoint()
      let view = ReadView(tables)
      #expect(view.fileBytes(of: large) > 30_000 && view.fileBytes(of: large) < 1 << 20)
      #expect((1...30_000).contains(view.fileBytes(of: small)))
      #expect(view.fileBytes(of: .random()) == 0)
    }
  }

  @Test("a table of a rolled-back batch keeps its key when its entry is applied after all")
  func adoptsKey() throws {
    try Self.withTables { tables, node in
      let id = CollectionID.random()
      let create = OplogOperation.createCollection(Self.database, name: "things", id)
      try tables.data.begin()
      try tables.perform(create)
      try tables.data.rollback()
      tables.knownCollections = []
      #expect(try tables.collection(database: "shop", name: "things") == nil)

      try tables.apply(try Self.entry(1, create, .put(id, key: [1], document: [42])))
      try tables.schema.checkpoint()
      try tables.sweepOrphans()
      #expect(try tables.data.get(MemberTables.table(of: id), [1]) == [42])
      #expect(Self.keys(tables).count == 1)
      tables.close()
      try tables.generation.close()

      let again = try node.open()
      let reopened = try MemberTables(again)
      #expect(try reopened.data.get(MemberTables.table(of: id), [1]) == [42])
      reopened.close()
      try again.close()
    }
  }

  @Test("applying entries twice changes nothing")
  func replays() throws {
    try Self.withTables { tables, _ in
      let (one, two) = (CollectionID.random(), CollectionID.random())
      let entries = [
        try Self.entry(1, .createCollection(Self.database, name: "a", one), .put(one, key: [1], document: [1])),
        try Self.entry(2, .createCollection(Self.database, name: "b", two), .put(two, key: [2], document: [2])),
        try Self.entry(3, .dropCollection(one)),
        try Self.entry(4, .put(two, key: [2], document: [3]), .remove(two, key: [9])),
      ]
      for _ in 0..<2 { for entry in entries { try tables.apply(entry) } }
      #expect(try tables.collections().map(\.name) == ["b"])
      #expect(try tables.data.get(MemberTables.table(of: two), [2]) == [3])
      #expect(try tables.applied() == LogPosition(term: 1, index: 4))
      #expect(Self.keys(tables).count == 1)
    }
  }

  @Test("dropped and made again in one entry, a database has another key; the old one goes with the last table")
  func recreates() throws {
    try Self.withTables { tables, _ in
      let (old, new) = (CollectionID.random(), CollectionID.random())
      try tables.apply(try Self.entry(1, .createCollection(Self.database, name: "a", old)))
      let before = Self.keys(tables)
      try tables.apply(
        try Self.entry(2, .dropDatabase(Self.database), .createCollection(Self.database, name: "a", new)))
      #expect(Self.keys(tables).count == 2)
      let dropped = try tables.droppedCollections()
      #expect(dropped == [old])
      try tables.schema.checkpoint()
      try tables.sweep(dropped)
      #expect(Self.keys(tables).count == 1 && Self.keys(tables) != before)
      #expect(try tables.collection(database: "shop", name: "a") == new)
    }
  }

  @Test("what an open batch drops is not swept; what is committed is, whatever the batch does")
  func sweepsCommitted() throws {
    try Self.withTables { tables, _ in
      let (one, two) = (CollectionID.random(), CollectionID.random())
      try tables.apply(try Self.entry(1, .createCollection(Self.database, name: "a", one)))
      try tables.apply(try Self.entry(2, .createCollection(Self.database, name: "b", two)))
      try tables.apply(try Self.entry(3, .dropCollection(one)))
      try tables.data.begin()
      try tables.perform(.dropCollection(two))
      #expect(try tables.droppedCollections() == [one])
      try tables.data.rollback()
    }
  }

  @Test("tables no row speaks of go at the next start, with their keys")
  func sweepsOrphans() throws {
    try Self.withTables { tables, _ in
      let keeper = CollectionID.random()
      try tables.apply(try Self.entry(1, .createCollection(Self.database, name: "kept", keeper)))
      try tables.data.begin()
      try tables.perform(.createCollection(DatabaseName(checked: "gone"), name: "a", .random()))
      try tables.data.rollback()
      #expect(Self.keys(tables).count == 2 && tables.schema.tableNames().count { $0.hasPrefix("c_") } == 2)
      try tables.sweepOrphans()
      try tables.sweepOrphans()
      #expect(tables.schema.tableNames().filter { $0.hasPrefix("c_") } == [MemberTables.table(of: keeper)])
      #expect(Self.keys(tables).map(\.scope) == [.database(Self.database)])
    }
  }

  @Test("a database's key stays until a checkpoint knows of the drop, then it goes, also under readers")
  func removesKeys() async throws {
    try await Shard.with(1, encrypted: true) { shard in
      let primary = try await shard.primary()
      let member = primary.member
      for number in 1...10 { try await member.insert(number) }
      for _ in 0..<4 { #expect(try await member.numbers().count == 10) }
      let key = try #require(await member.keyID())
      try await member.drop()
      #expect(try await member.numbers() == [])
      #expect(await member.keyID() == key)
      let image = try primary.node.crashImage("-early", in: shard.folder)
      await member.checkpoint()
      #expect(await member.keyID() == nil)
      #expect(await member.tableCount == 0)
      try await member.insert(7)
      #expect(await member.keyID() != key)
      let late = try primary.node.crashImage("-late", in: shard.folder)
      try await shard.stop(primary.name)

      try await shard.start(image, try image.open())
      #expect(try await shard.primary().member.numbers() == [])
      try await shard.stop(primary.name)
      try await shard.start(late, try late.open())
      #expect(try await shard.primary().member.numbers() == [7])
    }
  }

  @Test(
    "takes every name that drivers may give",
    arguments: [
      "it's", "a,b", "Größe", "{[(x)]}", "a=b;c", "日本", "%s%n", "-", "k", String(repeating: "ü", count: 31),
    ])
  func oddNames(name: String) async throws {
    try await Shard.with(1, encrypted: true) { shard in
      let primary = try await shard.primary()
      try await primary.member.insert(1, database: name, collection: "c\(name).x")
      await primary.member.checkpoint()
      try await shard.stop(primary.name)
      try await shard.start(primary.node, try primary.node.open())
      #expect(try await shard.primary().member.numbers(database: name, collection: "c\(name).x") == [1])
    }
  }
}
