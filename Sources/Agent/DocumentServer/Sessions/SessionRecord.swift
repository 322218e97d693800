// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The rows of `config.transactions`, which hold what sessions' newest retryable writes did.
///
/// | `_id` | fields |
/// |---|---|
/// | `"state"` | `time`: the sessions' clock; `sessions`: how many; `sweptAt`, `sweepAfter`: the search for old ones |
/// | `{id: UUID, user: string}` | `number`: of the newest write; `time`: of its last change; `parts`; `results` |
/// | `{id: UUID, user: string, part: n}` | `results` that no longer fit into the row above |
///
/// A result is `{s: first statement, c: how many in a row, n: matched, m: modified, u: upserted id, r: whole reply}`.
struct SessionRecord: Sendable {
  let session: SessionID
  /// The number of the newest retryable write.
  var number: Int64
  /// When it was changed last, by the sessions' clock, in milliseconds.
  var time: Int64
  /// How many rows of earlier results there are.
  var parts: Int32 = 0
  /// The results in this row.
  var results: [StatementResult] = []

  var key: DocumentKey { get throws { try DocumentKey(SessionRecord.id(of: session)) } }

  func key(ofPart part: Int32) throws -> DocumentKey { try DocumentKey(SessionRecord.id(of: session, part: part)) }

  static func id(of session: SessionID, part: Int32? = nil) -> BSONValue {
    var builder = DocumentBuilder()
    builder.append("id", .binary(subtype: 4, bytes: session.uuid))
    builder.append("user", .string(session.user))
    if let part { builder.append("part", .int32(part)) }
    return .document(builder.finish())
  }

  var document: Document {
    var builder = DocumentBuilder()
    builder.append("_id", SessionRecord.id(of: session))
    builder.append("number", .int64(number))
    builder.append("time", .date(time))
    builder.append("parts", .int32(parts))
    builder.append("results", .array(of: results.lazy.map(\.value)))
    return builder.finish()
  }

  /// A row of results that are full.
  func part(_ part: Int32, _ results: [StatementResult]) -> Document {
    [
      "_id": SessionRecord.id(of: session, part: part), "number": .int64(number),
      "results": .array(of: results.lazy.map(\.value)),
    ]
  }

  init(session: SessionID, number: Int64, time: Int64) {
    self.session = session
    self.number = number
    self.time = time
  }

  /// Reads a session's row; nil for the other rows.
  init?(stored bytes: [UInt8], results wantsResults: Bool = true) {
    guard let document = Document(stored: bytes), case .document(let id)? = document["_id"], !id.contains("part"),
      case .binary(_, let uuid)? = id["id"], case .string(let user)? = id["user"],
      case .int64(let number)? = document["number"], case .date(let time)? = document["time"],
      case .int32(let parts)? = document["parts"]
    else { return nil }
    self.init(session: SessionID(stored: uuid, user: user), number: number, time: time)
    self.parts = max(0, parts)
    if wantsResults { results = SessionRecord.results(of: document) }
  }

  static func results(of document: Document) -> [StatementResult] {
    guard case .array(let array)? = document["results"] else { return [] }
    return array.compactMap { StatementResult($0.value) }
  }
}
