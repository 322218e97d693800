// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// The members of one request's JSON body in a dialect's words; what is not known is refused, not ignored.
struct JSONBody {
  private let dialect: Dialect
  private let body: ByteBuffer
  private let members: [String: JSONItem]

  /// Reads an object with no other members than `known`; an empty body is an empty object.
  init(_ body: ByteBuffer, _ dialect: Dialect, known: Set<String>) throws(KMSFault) {
    self.dialect = dialect
    self.body = body
    guard body.readableBytes > 0 else {
      members = [:]
      return
    }
    let item: JSONItem
    do { item = try JSONReader.read(body.readableBytesUInt8Span) } catch {
      throw dialect.malformed("The body is not JSON: \(error.text) at byte \(error.offset).")
    }
    guard case .object(let members) = item else { throw dialect.malformed("The body is not a JSON object.") }
    if let unknown = members.keys.first(where: { !known.contains($0) }) {
      throw dialect.malformed(
        "Unknown name \"\(AuditEntry.cleaned(unknown))\": the local KMS does not know this field.")
    }
    self.members = members
  }

  /// A member below others; nil if it is missing or null.
  func item(_ path: String...) throws(KMSFault) -> JSONItem? {
    var item = JSONItem.object(members)
    for (offset, name) in path.enumerated() {
      guard case .object(let members) = item else {
        throw dialect.malformed("\(path[offset - 1]) must be an object.")
      }
      guard let next = members[name] else { return nil }
      item = next
    }
    if case .null = item { return nil }
    return item
  }

  /// A text; nil if it is missing.
  func text(_ name: String, limit: Int = 2048) throws(KMSFault) -> String? {
    guard let item = try item(name) else { return nil }
    guard let text = text(of: item, limit: limit) else {
      throw dialect.malformed("\(name) must be a string of at most \(limit) bytes.")
    }
    return text
  }

  /// A whole number, as a number or as text (proto3 JSON writes 64-bit ones so); nil if it is missing.
  func integer(_ path: String...) throws(KMSFault) -> Int64? {
    guard let item = try path.count == 2 ? item(path[0], path[1]) : item(path[0]) else { return nil }
    let whole: Int64? =
      switch item {
      case .number: item.number(in: body.readableBytesUInt8Span).flatMap { Int64(exactly: $0) }
      default: text(of: item, limit: 20).flatMap { Int64($0) }
      }
    guard let whole else { throw dialect.malformed("\(path.last ?? "") must be a whole number.") }
    return whole
  }

  /// One of an enumeration's names, sent as its name or its number (proto3 JSON mapping); nil if it is missing or
  /// unknown.
  func name(_ member: String, of names: [Int64: String]) throws(KMSFault) -> String? {
    guard let item = try item(member) else { return nil }
    if let text = text(of: item, limit: 256) { return names.values.contains(text) ? text : nil }
    return try integer(member).flatMap { names[$0] }
  }

  /// A truth value; nil if it is missing.
  func bool(_ path: String...) throws(KMSFault) -> Bool? {
    guard let item = try path.count == 2 ? item(path[0], path[1]) : item(path[0]) else { return nil }
    guard case .bool(let value) = item else { throw dialect.malformed("\(path.last ?? "") must be true or false.") }
    return value
  }

  /// A list of texts; nil if it is missing.
  func texts(_ name: String) throws(KMSFault) -> [String]? {
    guard let item = try item(name) else { return nil }
    guard case .array(let items) = item, items.count <= 64 else { throw dialect.malformed("\(name) must be a list.") }
    var texts: [String] = []
    for item in items {
      guard let text = text(of: item, limit: 256) else { throw dialect.malformed("\(name) must be a list of strings.") }
      texts.append(text)
    }
    return texts
  }

  /// Pairs of texts; nil if it is missing.
  func pairs(_ name: String) throws(KMSFault) -> [String: String]? {
    guard let item = try item(name) else { return nil }
    guard let pairs = item.texts(in: body.readableBytesUInt8Span), pairs.count <= 64,
      pairs.allSatisfy({ $0.key.utf8.count <= 256 && $0.value.utf8.count <= 256 })
    else { throw dialect.malformed("\(name) must be an object of at most 64 short strings.") }
    return pairs
  }

  /// Bytes that are no secret, in base64 of either alphabet; nil if they are missing.
  func bytes(_ name: String, limit: Int) throws(KMSFault) -> [UInt8]? {
    guard let text = try text(name, limit: limit / 3 * 4 + 4) else { return nil }
    guard let bytes = Base64URL.bytes(text), bytes.count <= limit else {
      throw dialect.malformed("\(name) must be base64 of at most \(limit) bytes.")
    }
    return bytes
  }

  /// A secret in base64 of either alphabet, decoded into secret memory; nil if it is missing.
  func secret(_ name: String, limit: Int) throws(KMSFault) -> SecretBytes? {
    guard let item = try item(name) else { return nil }
    guard case .string(let range, escaped: false) = item, range.count <= limit / 3 * 4 + 4 else {
      throw dialect.malformed("\(name) must be base64 of at most \(limit) bytes.")
    }
    let decoded: SecretBytes?
    do { decoded = try Base64URL.secret(in: body.readableBytesUInt8Span, range) } catch { throw dialect.failure }
    guard let decoded, decoded.count <= limit else {
      throw dialect.malformed("\(name) must be base64 of at most \(limit) bytes.")
    }
    return decoded
  }

  private func text(of item: JSONItem, limit: Int) -> String? {
    guard let text = item.text(in: body.readableBytesUInt8Span), text.utf8.count <= limit else { return nil }
    return text
  }
}
