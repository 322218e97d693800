// SPDX-License-Identifier: GPL-3.0-or-later
import Documents

@testable import DocumentServer

/// A driver without a socket: commands in, replies out.
struct Session {
  let engine: InMemoryEngine
  let interpreter: CommandInterpreter
  var database = "shop"

  init(
    engine: InMemoryEngine = InMemoryEngine(), cursors: CursorStore = CursorStore(),
    clock: SessionClock = SessionClock()
  ) {
    self.engine = engine
    interpreter = CommandInterpreter(engine: engine, cursors: cursors, clock: clock)
  }

  func run(_ command: Document, database: String? = nil, sequences: [DocumentSequence] = []) async throws -> Document {
    let request = try CommandRequest(body: command, database: database ?? self.database, sequences: sequences)
    return await interpreter.outcome(of: request, connectionID: 1).reply
  }

  /// Runs a command that is expected to succeed.
  func accept(_ command: Document, database: String? = nil) async throws -> Document {
    let reply = try await run(command, database: database)
    if reply["ok"] != 1.0 { throw Refused(code: reply.number("code"), message: reply.text("errmsg")) }
    return reply
  }

  /// The code a command is refused with; 0 if it isn't.
  func code(_ command: Document, database: String? = nil) async throws -> Int {
    try await run(command, database: database).number("code")
  }

  func insert(_ documents: Document..., into collection: String = "c") async throws {
    _ = try await accept(["insert": .string(collection), "documents": .array(of: documents.map { .document($0) })])
  }

  /// The first batch of a find.
  func find(_ filter: Document = [:], _ options: Document = [:], in collection: String = "c") async throws -> [Document]
  {
    var command = DocumentBuilder()
    command.append("find", .string(collection))
    command.append("filter", .document(filter))
    command.append(contentsOf: options)
    return try await accept(command.finish()).batch("firstBatch")
  }

  struct Refused: Error {
    let code: Int
    let message: String
  }
}

extension Document {
  func number(_ key: String) -> Int { self[key]?.wholeNumber ?? 0 }

  func text(_ key: String) -> String { if case .string(let text)? = self[key] { text } else { "" } }

  func inner(_ key: String) -> Document { if case .document(let inner)? = self[key] { inner } else { [:] } }

  func batch(_ name: String) -> [Document] { inner("cursor").list(name) }

  func list(_ name: String) -> [Document] {
    self[name]?.elements?.compactMap { if case .document(let document) = $0 { document } else { nil } } ?? []
  }
}
