// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The numbers of the MongoDB wire protocol that this server keeps to.
enum WireConstants {
  /// The longest message, header included; announced as `maxMessageSizeBytes`.
  static let maximumMessageLength = 48_000_000
  /// A header: length, request id, response to, opcode.
  static let headerLength = 16
  /// A message's own document may be this much larger and deeper than a stored one: it may carry documents inside.
  static let envelopeLimits = DocumentLimits(
    maximumSize: maximumMessageLength, maximumNesting: DocumentLimits.stored.maximumNesting + 4)
  /// The most document sequences in one message; commands know one each.
  static let maximumSequences = 8
}

/// The opcodes this server reads or writes; every other one ends the connection.
enum OpCode: Int32 {
  case reply = 1
  case query = 2004
  case message = 2013
}

/// A command as it came in, from an OP_MSG or the OP_QUERY old drivers open with.
struct IncomingCommand: Sendable {
  /// How the answer has to be framed.
  enum Form: Sendable, Equatable { case message, legacyQuery }

  let requestID: Int32
  let form: Form
  /// False if the driver waits for no answer (`moreToCome`, an unacknowledged write).
  let wantsReply: Bool
  let content: Content
  /// Whether the driver takes further replies without asking again (`exhaustAllowed`).
  var allowsExhaust = false

  /// The command, or what is wrong with a document in it while the frame around it could be read.
  enum Content: Sendable {
    case command(CommandRequest)
    case refused(CommandError)
  }
}

/// Bytes after which a connection can't go on: where the next message starts, or what it means, is not known.
struct WireError: Error, Sendable, Equatable, CustomStringConvertible {
  let description: String

  /// Bytes that are no message may hold anything: the log gets little of it.
  init(_ description: String) { self.description = description.clipped(to: CommandError.maximumMessageBytes) }
}
