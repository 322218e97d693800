// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// What a driver asked to be told of a write. Every write is acknowledged by a majority that has it on disk, whatever
/// less was asked for.
struct WriteConcern: Sendable {
  /// The number of members that were asked for, if a number was.
  private(set) var members: Int?
  /// How long the driver wants to wait for the majority.
  private(set) var limit: Duration?

  /// Takes the field out of a command; throws a `CommandError` for what can't be honoured.
  init(_ arguments: inout CommandArguments) throws(CommandError) {
    guard let concern = try arguments.document("writeConcern") else { return }
    var fields = try CommandArguments(concern, owner: "writeConcern")
    let wanted = fields.value("w")
    // A journal is always synced before a member acknowledges.
    fields.ignore("j", "fsync", "provenance")
    let milliseconds = try fields.integer("wtimeout") ?? 0
    try fields.finish()
    if milliseconds > 0 { limit = .milliseconds(min(milliseconds, Int(Int32.max))) }
    switch wanted {
    case nil, .string("majority")?: break
    case .string(let tag)?: throw CommandError(.unknownWriteConcern, "no write concern mode named '\(tag)' found")
    case let value?:
      guard let number = value.wholeNumber, (0...WriteConcern.maximumMembers).contains(number) else {
        throw CommandError(
          .failedToParse,
          "writeConcern: 'w' has to be a number of members from 0 to \(WriteConcern.maximumMembers) or 'majority'")
      }
      members = number
    }
  }

  /// The most members a replica set can have, as in MongoDB.
  private static let maximumMembers = 50
}

/// Whether a write's majority came in time.
enum Acknowledgement: Sendable {
  case inTime
  /// The driver's `wtimeout` was over first; the write may still be committed.
  case late
}

extension CommandInterpreter {
  /// Runs a write and waits for its majority, at most as long as the driver wants to once it was carried out.
  func write<R: Sendable>(
    _ concern: WriteConcern, _ body: @Sendable @escaping (any WriteTransaction) throws -> R
  ) async throws -> (result: R, acknowledgement: Acknowledgement) {
    guard let limit = concern.limit else { return (try await engine.write(body), .inTime) }
    let outcome = WriteOutcome<R>()
    let engine = engine
    await lateWrites.submit {
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          guard await outcome.waitUntilRun(), (try? await Task.sleep(for: limit)) != nil else { return }
          outcome.giveUp()
        }
        do {
          let result = try await engine.write { transaction in
            let result = try body(transaction)
            outcome.ran(result)
            return result
          }
          outcome.finish(.success((result, .inTime)))
        } catch {
          outcome.finish(.failure(error))
        }
        group.cancelAll()
      }
    }
    return try await outcome.value
  }

  /// Says so if the write's majority did not come in time, or if more members were asked for than there are.
  func appendWriteConcernError(
    _ generic: GenericFields, _ acknowledgement: Acknowledgement, to reply: inout DocumentBuilder
  ) {
    if case .late = acknowledgement {
      let error = writeConcernError(
        .writeConcernFailed, "waiting for replication timed out; the write may still be committed",
        ["errInfo": ["wtimeout": true]])
      return reply.append("writeConcernError", error)
    }
    let members = topology.look().view.hosts.count
    guard let wanted = generic.writeConcern.members, wanted > members else { return }
    let message = "Not enough data-bearing nodes: w is \(wanted), the set has \(members); a majority has the write"
    reply.append("writeConcernError", writeConcernError(.unsatisfiableWriteConcern, message))
  }

  private func writeConcernError(_ code: ErrorCode, _ message: String, _ details: Document = [:]) -> BSONValue {
    var error = DocumentBuilder()
    error.append("code", .int32(code.number))
    error.append("codeName", .string(code.name))
    error.append("errmsg", .string(message))
    error.append(contentsOf: details)
    return .document(error.finish())
  }
}
