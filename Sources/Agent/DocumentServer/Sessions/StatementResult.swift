// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// What statements of a retryable write did: one, or several in a row that did the same.
struct StatementResult: Sendable, Equatable {
  /// The first statement's number.
  var first: Int32
  /// How many statements in a row.
  var count: Int32 = 1
  /// Documents matched, inserted or deleted by each.
  var matched: Int32 = 0
  var modified: Int32 = 0
  var upserted: BSONValue?
  /// The whole reply, for commands of one statement that return documents.
  var reply: Document?

  /// Whether a statement is one of these.
  func covers(_ statement: Int32) -> Bool { statement >= first && statement - first < count }

  /// Takes the next statement in, if it did the same.
  mutating func absorb(_ next: StatementResult) -> Bool {
    guard upserted == nil, reply == nil, next.upserted == nil, next.reply == nil, matched == next.matched,
      modified == next.modified, next.count == 1, count < .max, first <= .max - count, next.first == first + count
    else { return false }
    count += 1
    return true
  }

  var value: BSONValue {
    var builder = DocumentBuilder()
    builder.append("s", .int32(first))
    if count != 1 { builder.append("c", .int32(count)) }
    builder.append("n", .int32(matched))
    if modified != 0 { builder.append("m", .int32(modified)) }
    if let upserted { builder.append("u", upserted) }
    if let reply { builder.append("r", .document(reply)) }
    return .document(builder.finish())
  }

  init(first: Int32, matched: Int32 = 0, modified: Int32 = 0, upserted: BSONValue? = nil, reply: Document? = nil) {
    self.first = first
    self.matched = matched
    self.modified = modified
    self.upserted = upserted
    self.reply = reply
  }

  /// Reads a stored result; nil if it is damaged.
  init?(_ value: BSONValue) {
    guard case .document(let document) = value, case .int32(let first)? = document["s"],
      case .int32(let matched)? = document["n"]
    else { return nil }
    self.init(first: first, matched: matched, upserted: document["u"])
    if case .int32(let count)? = document["c"], count > 0 { self.count = count }
    if case .int32(let modified)? = document["m"] { self.modified = modified }
    if case .document(let reply)? = document["r"] { self.reply = reply }
  }
}
