// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension CommandInterpreter {
  func getMore(_ command: Command) async throws -> Document {
    var arguments = command.arguments
    guard case .int64(let id)? = arguments.value("getMore") else {
      throw CommandError(.typeMismatch, "getMore: the cursor id has to be a 64-bit number")
    }
    let collection = try arguments.requiredString("collection")
    let size = BatchSize.next(try arguments.count("batchSize"))
    try arguments.finish()
    let namespace = "\(command.database).\(collection)"
    if case .unavailable(let reason) = engine.state() { throw CommandError(unavailable: reason) }
    let content = try cursors.checkOut(id, namespace: namespace)
    do {
      let (batch, rest) = try await nextBatch(of: content, size: size, deadline: command.generic.deadline)
      let goesOn = cursors.checkIn(id, rest)
      return CursorReply.make("nextBatch", batch, id: goesOn ? id : 0, namespace: namespace)
    } catch {
      // A batch that failed may be asked for again, unless the collection is gone.
      _ = cursors.checkIn(id, (error as? CommandError)?.code == .queryPlanKilled ? nil : content)
      throw error
    }
  }

  private func nextBatch(of content: CursorContent, size: BatchSize, deadline: ContinuousClock.Instant?) async throws
    -> (batch: [Document], rest: CursorContent?)
  {
    switch content {
    case .results(var results):
      let batch = results.take(size)
      return (batch, results.isEmpty ? nil : .results(results))
    case .scan(let cursor):
      let (batch, rest) = try await engine.read { transaction in
        guard try transaction.collection(cursor.collection.namespace) == cursor.collection else {
          throw CommandError(.queryPlanKilled, "collection dropped: \(cursor.collection.namespace)")
        }
        return try cursor.nextBatch(transaction, size: size, deadline: deadline)
      }
      return (batch, rest.map { .scan($0) })
    }
  }

  /// The most cursors one command names; all of them come back in the reply.
  static let maximumKills = 100_000

  func killCursors(_ command: Command) throws -> Document {
    var arguments = command.arguments
    let collection = try arguments.requiredString("killCursors")
    guard let ids = arguments.value("cursors")?.elements else {
      throw CommandError(.typeMismatch, "killCursors: 'cursors' has to be an array of 64-bit numbers")
    }
    try arguments.finish()
    guard ids.count <= CommandInterpreter.maximumKills else {
      throw CommandError(
        .badValue, "killCursors: at most \(CommandInterpreter.maximumKills) cursors can be named at once")
    }
    var killed: [BSONValue] = []
    var notFound: [BSONValue] = []
    for value in ids {
      guard case .int64(let id) = value else {
        throw CommandError(.typeMismatch, "killCursors: a cursor id has to be a 64-bit number")
      }
      if cursors.kill(id, namespace: "\(command.database).\(collection)") {
        killed.append(value)
      } else {
        notFound.append(value)
      }
    }
    return [
      "cursorsKilled": .array(of: killed), "cursorsNotFound": .array(of: notFound), "cursorsAlive": [],
      "cursorsUnknown": [],
    ]
  }
}
