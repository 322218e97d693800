// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension WriteStatement {
  /// The longest key of a document, in bytes. The engine has a limit of its own, at which a command would fail after a
  /// part of it was written.
  static let maximumKeyBytes = 1 << 20

  /// The key a document is stored under; throws a `CommandError` if its `_id` can't be one.
  static func key(of document: Document) throws(CommandError) -> DocumentKey {
    let id = document["_id"] ?? .null
    if case .document(let fields) = id {
      for element in fields where element.key.utf8.first == UInt8(ascii: "$") {
        throw CommandError(.dollarPrefixedFieldName, "the field '\(element.key)' is not allowed inside an _id")
      }
    }
    let key: DocumentKey
    do throws(DocumentError) { key = try DocumentKey(id) } catch { throw CommandError(error) }
    guard key.bytes.count <= maximumKeyBytes else {
      throw CommandError(
        .badValue, "an _id of \(key.bytes.count) bytes is too long; at most \(maximumKeyBytes) are allowed")
    }
    return key
  }

  /// Prepares a document for insertion: an `_id` in front, made if there is none.
  static func insert(_ document: Document, makeID: () -> ObjectID) -> WriteStatement {
    do throws(CommandError) {
      try UpdateOperation.checkTopLevel(document, isInsert: true)
      let ready = try UpdateOperation.storable(document, id: document["_id"] ?? .objectID(makeID()))
      return .insert(key: try key(of: ready), document: ready)
    } catch {
      return .refused(error)
    }
  }

  /// Reads a statement of `update`. An unknown field fails the command, a query or update that can't be read only the
  /// statement.
  static func update(_ document: Document) throws(CommandError) -> WriteStatement {
    var fields = try CommandArguments(document, owner: "update.updates")
    let query = try fields.requiredDocument("q")
    guard let change = fields.value("u") else { throw fields.missing("u") }
    let multi = try fields.bool("multi") ?? false
    let upsert = try fields.bool("upsert") ?? false
    try fields.requireOnlyIndex("hint")
    try fields.finish()
    do throws(CommandError) {
      let operation = try UpdateOperation(change)
      if multi, case .replacement = operation {
        throw CommandError(.failedToParse, "multi update is not supported for replacement-style update")
      }
      return .update(QueryPlan(try Filter(query)), operation, multi: multi, upsert: upsert)
    } catch {
      return .refused(error)
    }
  }

  /// Reads a statement of `delete`.
  static func delete(_ document: Document) throws(CommandError) -> WriteStatement {
    var fields = try CommandArguments(document, owner: "delete.deletes")
    let query = try fields.requiredDocument("q")
    guard let limit = try fields.integer("limit") else { throw fields.missing("limit") }
    try fields.requireOnlyIndex("hint")
    try fields.finish()
    guard limit == 0 || limit == 1 else { throw CommandError(.failedToParse, "the limit of a delete has to be 0 or 1") }
    do throws(CommandError) {
      return .delete(QueryPlan(try Filter(query)), multi: limit == 0)
    } catch {
      return .refused(error)
    }
  }
}

extension CommandInterpreter {
  func insert(_ command: Command) async throws -> Document {
    let identifiers = identifiers
    let progress = try await write(command, statements: "documents") { document in
      WriteStatement.insert(document) { identifiers.next() }
    }
    return reply(to: command, progress, counting: progress.count).finish()
  }

  func update(_ command: Command) async throws -> Document {
    let progress = try await write(command, statements: "updates", WriteStatement.update)
    var reply = reply(to: command, progress, counting: progress.count + progress.upserted.count)
    reply.append("nModified", .integer(progress.modified))
    if !progress.upserted.isEmpty {
      reply.append(
        "upserted",
        .array(of: progress.upserted.map { ["index": .integer($0.statement), "_id": $0.id] }))
    }
    return reply.finish()
  }

  func delete(_ command: Command) async throws -> Document {
    let progress = try await write(command, statements: "deletes", WriteStatement.delete)
    return reply(to: command, progress, counting: progress.count).finish()
  }

  /// Reads and carries out a write command; `read` makes a statement of each of its documents.
  private func write(
    _ command: Command, statements field: String, _ read: (Document) throws -> WriteStatement
  ) async throws -> WriteProgress {
    var command = command
    let namespace = try command.writableNamespace()
    let documents = try command.arguments.documents(field)
    let retryable = try command.retryable(statements: documents.count)
    let isOrdered = try command.arguments.bool("ordered") ?? true
    // There are no validators to bypass.
    command.arguments.ignore("bypassDocumentValidation")
    try command.arguments.finish()
    guard !documents.isEmpty, documents.count <= CommandInterpreter.maximumWriteBatch else {
      throw CommandError(
        .badValue,
        "\(command.request.name): '\(field)' has to hold between 1 and \(CommandInterpreter.maximumWriteBatch) "
          + "entries, not \(documents.count)")
    }
    try requireWritable()
    var run = WriteRun(
      namespace: namespace, statements: try documents.map(read), isOrdered: isOrdered, identifiers: identifiers)
    run.retryable = retryable
    run.clock = clock
    if retryable != nil { run.statements = run.statements.map(\.refusedIfMulti) }
    return try await perform(run, command.generic)
  }

  /// Runs one write transaction after another until the command is done.
  private func perform(_ run: WriteRun, _ generic: GenericFields) async throws -> WriteProgress {
    var progress = WriteProgress()
    while !progress.isFinished {
      if let deadline = generic.deadline, ContinuousClock.now >= deadline {
        throw CommandError(
          .maxTimeExpired, "operation exceeded time limit after \(progress.statement) statements, which stand")
      }
      let start = progress
      do {
        (progress, progress.acknowledgement) = try await write(generic.writeConcern) { transaction in
          try run.step(transaction, from: start)
        }
      } catch {
        throw CommandError(any: error, writing: !start.hasWritten)
      }
      // What comes after a write that nobody waited for would overtake it.
      if case .late = progress.acknowledgement, !progress.isFinished {
        throw CommandError(
          .writeConcernFailed,
          "waiting for replication timed out after \(progress.statement) statements, which may still be committed; "
            + "the others were not carried out")
      }
    }
    return progress
  }

  private func reply(to command: Command, _ progress: WriteProgress, counting count: Int) -> DocumentBuilder {
    var reply = DocumentBuilder()
    reply.append("n", .integer(count))
    if !progress.faults.isEmpty {
      reply.append("writeErrors", .array(of: progress.faults.map { $0.error.writeError(at: $0.statement) }))
    }
    if !progress.retried.isEmpty {
      reply.append("retriedStmtIds", .array(of: progress.retried.map { .int32($0) }))
    }
    appendWriteConcernError(command.generic, progress.acknowledgement, to: &reply)
    return reply
  }
}
