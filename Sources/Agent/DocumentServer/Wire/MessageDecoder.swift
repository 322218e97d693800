// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// Turns the bytes of one whole message into a command (MongoDB wire protocol; OP_MSG specification).
enum MessageDecoder {
  private static let checksumPresent: UInt32 = 1 << 0
  private static let moreToCome: UInt32 = 1 << 1
  private static let exhaustAllowed: UInt32 = 1 << 16
  /// Bits 0 to 15 must be understood; those above may be left alone.
  private static let requiredBits: UInt32 = 0xFFFF

  /// Reads a message. Throws `WireError` if the connection has to end.
  static func decode(_ bytes: [UInt8]) throws(WireError) -> IncomingCommand {
    var reader = WireReader(bytes)
    let length = try reader.int32()
    guard Int(length) == bytes.count else { throw WireError("a message's length does not match its bytes") }
    let requestID = try reader.int32()
    _ = try reader.int32()
    let code = try reader.int32()
    switch OpCode(rawValue: code) {
    case .message: return try message(bytes, reader, requestID)
    case .query: return try query(reader, requestID)
    default: throw WireError("opcode \(code) is not supported")
    }
  }

  private static func message(_ bytes: [UInt8], _ start: WireReader, _ requestID: Int32) throws(WireError)
    -> IncomingCommand
  {
    var reader = start
    let flags = UInt32(bitPattern: try reader.int32())
    if flags & requiredBits & ~(checksumPresent | moreToCome) != 0 {
      throw WireError("an OP_MSG has flag bits that are not known")
    }
    if flags & checksumPresent != 0 { try verifyChecksum(bytes, &reader) }
    let sections = try readSections(&reader)
    let content: IncomingCommand.Content
    do throws(CommandError) {
      content = .command(try request(sections))
    } catch {
      content = .refused(error)
    }
    return IncomingCommand(
      requestID: requestID, form: .message, wantsReply: flags & moreToCome == 0, content: content,
      allowsExhaust: flags & exhaustAllowed != 0)
  }

  private static func verifyChecksum(_ bytes: [UInt8], _ reader: inout WireReader) throws(WireError) {
    guard reader.dropLast(4) else { throw WireError("an OP_MSG is too short for its checksum") }
    let sent = WireReader.uint32(bytes, at: bytes.count - 4)
    if CRC32C.checksum(bytes.dropLast(4)) != sent { throw WireError("an OP_MSG's checksum does not match") }
  }

  /// A message's parts before the documents in them are checked.
  private struct Sections {
    var body: [UInt8]?
    var sequences: [(name: String, documents: [[UInt8]])] = []
    /// How many documents there may still be; below zero there were too many, and those are not kept.
    var room = CommandInterpreter.maximumWriteBatch
  }

  private static func readSections(_ reader: inout WireReader) throws(WireError) -> Sections {
    var sections = Sections()
    while reader.remaining > 0 {
      switch try reader.byte() {
      case 0:
        if sections.body != nil { throw WireError("an OP_MSG has two bodies") }
        sections.body = try reader.documentBytes()
      case 1:
        if sections.sequences.count >= WireConstants.maximumSequences {
          throw WireError("an OP_MSG has more than \(WireConstants.maximumSequences) document sequences")
        }
        sections.sequences.append(try readSequence(&reader, &sections.room))
      case let kind: throw WireError("an OP_MSG has a section of kind \(kind)")
      }
    }
    return sections
  }

  private static func readSequence(
    _ reader: inout WireReader, _ room: inout Int
  ) throws(WireError) -> (name: String, documents: [[UInt8]]) {
    let start = reader.offset
    let size = Int(try reader.int32())
    guard size >= 5, size - 4 <= reader.remaining else { throw WireError("a document sequence has a wrong length") }
    var part = reader.part(of: size - 4)
    let name = try part.cString()
    var documents: [[UInt8]] = []
    while part.remaining > 0, room >= 0 {
      let bytes = try part.documentBytes()
      room -= 1
      if room >= 0 { documents.append(bytes) }
    }
    reader.skip(to: start + size)
    return (name, documents)
  }

  private static func request(_ sections: Sections) throws(CommandError) -> CommandRequest {
    // Documents of a few bytes take many times their size in memory.
    guard sections.room >= 0 else { throw .tooManyDocuments }
    guard let bytes = sections.body else { throw CommandError(.badValue, "the message has no body") }
    let body = try checked(bytes, limits: WireConstants.envelopeLimits)
    var sequences: [DocumentSequence] = []
    for (name, documents) in sections.sequences {
      if body.contains(name) || sequences.contains(where: { $0.name == name }) {
        throw CommandError(.duplicateField, "the field '\(name)' is given twice")
      }
      var checkedDocuments: [Document] = []
      checkedDocuments.reserveCapacity(documents.count)
      for bytes in documents { checkedDocuments.append(try checked(bytes, limits: WireConstants.envelopeLimits)) }
      sequences.append(DocumentSequence(name: name, documents: checkedDocuments))
    }
    return try CommandRequest(body: body, sequences: sequences)
  }

  private static func checked(_ bytes: [UInt8], limits: DocumentLimits) throws(CommandError) -> Document {
    do {
      return try Document(bytes, limits: limits)
    } catch {
      throw CommandError(error)
    }
  }

  private static func query(_ start: WireReader, _ requestID: Int32) throws(WireError) -> IncomingCommand {
    var reader = start
    _ = try reader.int32()  // flags: only cursors know them
    let name = try reader.cString()
    guard name.hasSuffix(".$cmd") else { throw WireError("OP_QUERY on '\(name)': only commands are answered") }
    _ = try reader.int32()
    _ = try reader.int32()
    let bytes = try reader.documentBytes()
    let content: IncomingCommand.Content
    do throws(CommandError) {
      let sent = try checked(bytes, limits: WireConstants.envelopeLimits)
      var body = sent
      if case .document(let inner)? = sent["$query"] ?? sent["query"] { body = inner }
      content = .command(try CommandRequest(body: body, database: String(name.dropLast(5)), isLegacy: true))
    } catch {
      content = .refused(error)
    }
    return IncomingCommand(requestID: requestID, form: .legacyQuery, wantsReply: true, content: content)
  }
}
