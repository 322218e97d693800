// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The commands about sessions. A session costs nothing until it writes retryably, so none has to be announced.
extension CommandInterpreter {
  /// The most sessions one command may name, as in MongoDB.
  private static let maximumSessionsNamed = 10_000

  func startSession(_ command: Command) throws -> Document {
    var arguments = command.arguments
    arguments.ignore("startSession")
    try arguments.finish()
    return ["id": SessionID.random().value, "timeoutMinutes": .integer(SessionID.timeoutMinutes)]
  }

  /// What is kept of a session is kept since its last retryable write, which a refresh does not change: a write is
  /// retried within seconds.
  func refreshSessions(_ command: Command) throws -> Document {
    _ = try sessions(of: command)
    return Document()
  }

  /// Forgets what is kept of the sessions, in the background: a driver that closes does not wait for a majority.
  func endSessions(_ command: Command) async throws -> Document {
    let ended = try sessions(of: command)
    let (engine, clock) = (engine, clock)
    guard engine.replicaSetView().isWritablePrimary, engine.state() == .serving else { return Document() }
    await lateWrites.submit {
      do {
        let known = try await engine.read { try SessionTable.known(ended, $0) }
        guard !known.isEmpty else { return }
        try await engine.write { transaction in
          guard var table = try SessionTable(transaction, clock, creating: false) else { return }
          for session in known { try table.forget(session, transaction) }
          try table.save(transaction)
        }
      } catch {
        // What could not be forgotten now expires.
      }
    }
    return Document()
  }

  private func sessions(of command: Command) throws -> [SessionID] {
    var arguments = command.arguments
    let name = command.request.name
    let documents = try arguments.documents(name)
    try arguments.finish()
    guard documents.count <= Self.maximumSessionsNamed else {
      throw CommandError(.badValue, "\(name): more than \(Self.maximumSessionsNamed) sessions")
    }
    return try documents.map { try SessionID($0, owner: name, user: command.request.user) }
  }
}
