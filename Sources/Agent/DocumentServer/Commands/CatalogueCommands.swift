// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension CommandInterpreter {
  func create(_ command: Command) async throws -> Document {
    var command = command
    let namespace = try command.writableNamespace()
    for name in ["capped", "autoIndexId"] where try command.arguments.bool(name) ?? false {
      throw CommandError(.invalidOptions, "create: '\(name)' is not supported")
    }
    try command.arguments.finish()
    try requireWritable()
    let acknowledgement = try await writing(command) { transaction in
      if try transaction.collection(namespace) != nil {
        throw CommandError(.namespaceExists, "collection already exists: \(namespace)")
      }
      _ = try transaction.createCollection(namespace)
    }.acknowledgement
    var reply = DocumentBuilder()
    appendWriteConcernError(command.generic, acknowledgement, to: &reply)
    return reply.finish()
  }

  /// Dropping a collection that does not exist succeeds, as since MongoDB 7.0.
  func drop(_ command: Command) async throws -> Document {
    var command = command
    let namespace = try command.writableNamespace()
    try command.arguments.finish()
    try requireWritable()
    let (existed, acknowledgement) = try await writing(command) { transaction in
      guard let collection = try transaction.collection(namespace) else { return false }
      try transaction.dropCollection(collection)
      return true
    }
    var reply = DocumentBuilder()
    if existed { reply.append("nIndexesWas", 1) }
    reply.append("ns", .string(namespace.description))
    appendWriteConcernError(command.generic, acknowledgement, to: &reply)
    return reply.finish()
  }

  func dropDatabase(_ command: Command) async throws -> Document {
    var arguments = command.arguments
    arguments.ignore("dropDatabase")
    try arguments.finish()
    try requireWritable()
    let database = command.database
    if database == Namespace.sessions.database {
      throw CommandError(.illegalOperation, "the database '\(database)' is the server's own and can't be dropped")
    }
    let acknowledgement = try await writing(command) { transaction in
      try transaction.dropDatabase(database)
    }.acknowledgement
    var reply = DocumentBuilder()
    reply.append("dropped", .string(database))
    appendWriteConcernError(command.generic, acknowledgement, to: &reply)
    return reply.finish()
  }

  func listDatabases(_ command: Command) async throws -> Document {
    try command.requireAdmin()
    var arguments = command.arguments
    arguments.ignore("listDatabases", "authorizedDatabases")
    let nameOnly = try arguments.bool("nameOnly") ?? false
    let filter = try Filter(try arguments.document("filter") ?? Document())
    try arguments.finish()
    try requireReadable(command.generic)
    let databases = try await engine.read { try $0.databases() }
    var total: Int64 = 0
    var entries: [BSONValue] = []
    for database in databases {
      let whole: Document = [
        "name": .string(database.name), "sizeOnDisk": .int64(database.sizeOnDisk), "empty": .bool(database.isEmpty),
      ]
      guard filter.matches(whole) else { continue }
      total = total.addingReportingOverflow(database.sizeOnDisk).partialValue
      entries.append(.document(nameOnly ? ["name": .string(database.name)] : whole))
    }
    if nameOnly { return ["databases": .array(of: entries)] }
    return ["databases": .array(of: entries), "totalSize": .int64(total), "totalSizeMb": .int64(total / (1024 * 1024))]
  }

  func listCollections(_ command: Command) async throws -> Document {
    var arguments = command.arguments
    arguments.ignore("listCollections", "authorizedCollections")
    let nameOnly = try arguments.bool("nameOnly") ?? false
    let filter = try Filter(try arguments.document("filter") ?? Document())
    var size = BatchSize.next(nil)
    if let cursor = try arguments.document("cursor") {
      var fields = try CommandArguments(cursor, owner: "listCollections.cursor")
      if let requested = try fields.count("batchSize") { size = BatchSize(documents: requested) }
      try fields.finish()
    }
    try arguments.finish()
    try requireReadable(command.generic)
    let database = command.database
    let collections = try await engine.read { try $0.collections(in: database) }
    let entries = collections.map { describe($0) }.filter { filter.matches($0) }
    let results = nameOnly ? entries.map { Document($0.prefix(2).map { ($0.key, $0.value) }) } : entries
    return try firstReply(results, size: size, namespace: "\(database).$cmd.listCollections")
  }

  /// The entry of a collection; `name` and `type` come first, a listing of names is these two.
  private func describe(_ collection: CollectionHandle) -> Document {
    var info = DocumentBuilder()
    info.append("readOnly", false)
    if let uuid = CommandInterpreter.uuidBytes(collection.uuid) {
      info.append("uuid", .binary(subtype: 4, bytes: uuid))
    }
    return [
      "name": .string(collection.namespace.collection), "type": "collection", "options": [:],
      "info": .document(info.finish()), "idIndex": ["v": 2, "key": ["_id": 1], "name": "_id_"],
    ]
  }

  /// The 16 bytes of a UUID's text form, nil for any other text.
  static func uuidBytes(_ text: String) -> [UInt8]? {
    let digits = text.utf8.filter { $0 != UInt8(ascii: "-") }.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    guard digits.count == 32, text.utf8.count == 36 else { return nil }
    return (0..<16).map { UInt8(truncatingIfNeeded: digits[2 * $0] << 4 | digits[2 * $0 + 1]) }
  }

  /// Runs a write of which nothing has been done yet.
  private func writing<R: Sendable>(
    _ command: Command, _ body: @Sendable @escaping (any WriteTransaction) throws -> R
  ) async throws -> (result: R, acknowledgement: Acknowledgement) {
    do {
      return try await write(command.generic.writeConcern, body)
    } catch {
      throw CommandError(any: error, writing: true)
    }
  }
}
