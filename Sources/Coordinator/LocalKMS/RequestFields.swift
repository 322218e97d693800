// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// The members of one request's JSON body, read with AWS's limits.
struct RequestFields {
  /// The largest encryption context, names and values together, in bytes (AWS KMS, "Quotas").
  static let maximumContextBytes = 8192
  /// The largest plaintext and ciphertext (API reference, Encrypt and Decrypt), in bytes.
  static let maximumPlaintextBytes = 4096
  static let maximumCiphertextBytes = 6144

  private let body: ByteBuffer
  private let members: [String: JSONItem]

  init(_ body: ByteBuffer, of action: KMSAction) throws(KMSFault) {
    self.body = body
    guard body.readableBytes > 0 else {
      members = [:]
      return
    }
    let item: JSONItem
    do { item = try JSONReader.read(body.readableBytesUInt8Span) } catch {
      throw KMSFault("SerializationException", "the body is not JSON: \(error.text) at byte \(error.offset)")
    }
    guard case .object(let members) = item else {
      throw KMSFault("SerializationException", "the body is not a JSON object")
    }
    if members.keys.contains(where: { !action.members.contains($0) }) {
      let known = action.members.sorted().joined(separator: ", ")
      throw .unsupported("a member of this \(action.name); it takes \(known)")
    }
    self.members = members
  }

  /// A text, nil if it is missing or null.
  func text(_ name: String, limit: Int = 2048) throws(KMSFault) -> String? {
    guard let item = present(name) else { return nil }
    guard let text = item.text(in: body.readableBytesUInt8Span) else {
      throw KMSFault("SerializationException", "\(name) must be a string")
    }
    guard text.utf8.count <= limit else { throw .validation("\(name) is longer than \(limit) bytes") }
    return text
  }

  /// A text that has to be there.
  func required(_ name: String, limit: Int = 2048) throws(KMSFault) -> String {
    guard let text = try text(name, limit: limit), !text.isEmpty else { throw .validation("\(name) is missing") }
    return text
  }

  /// A whole number, nil if it is missing or null.
  func integer(_ name: String) throws(KMSFault) -> Int? {
    guard let item = present(name) else { return nil }
    guard let number = item.number(in: body.readableBytesUInt8Span), let whole = Int(exactly: number) else {
      throw KMSFault("SerializationException", "\(name) must be a whole number")
    }
    return whole
  }

  /// A truth value, false if it is missing or null.
  func bool(_ name: String) throws(KMSFault) -> Bool {
    guard let item = present(name) else { return false }
    guard case .bool(let value) = item else {
      throw KMSFault("SerializationException", "\(name) must be true or false")
    }
    return value
  }

  /// Refuses a member that is there and not one of `values`; an empty list and `false` count as not there.
  func refuse(_ name: String, unless values: [String] = []) throws(KMSFault) {
    switch present(name) {
    case nil, .bool(false)?: return
    case .array(let items)? where items.isEmpty: return
    case let item?:
      guard let text = item.text(in: body.readableBytesUInt8Span), values.contains(text) else {
        throw .unsupported("this value of \(name)")
      }
    }
  }

  /// Bytes in base64 that are no secret.
  func blob(_ name: String, limit: Int) throws(KMSFault) -> [UInt8] {
    guard let text = try text(name, limit: limit / 3 * 4 + 4) else { throw .validation("\(name) is missing") }
    guard let bytes = Base64.bytes(text) else {
      throw KMSFault("SerializationException", "\(name) is not base64")
    }
    guard (1...limit).contains(bytes.count) else {
      throw .validation("\(name) must have between 1 and \(limit) bytes")
    }
    return bytes
  }

  /// Bytes in base64, decoded straight into secret memory.
  func secret(_ name: String, limit: Int) throws(KMSFault) -> SecretBytes {
    guard case .string(let range, escaped: false)? = present(name) else {
      throw .validation("\(name) is missing or not base64")
    }
    let decoded: SecretBytes?
    guard range.count <= limit / 3 * 4 + 4 else { throw .validation("\(name) is longer than \(limit) bytes") }
    do { decoded = try Base64.secret(in: body.readableBytesUInt8Span, range) } catch { throw .internal }
    guard let decoded else { throw KMSFault("SerializationException", "\(name) is not base64") }
    guard (1...limit).contains(decoded.count) else {
      throw .validation("\(name) must have between 1 and \(limit) bytes")
    }
    return decoded
  }

  /// The encryption context, empty if there is none.
  func context() throws(KMSFault) -> [String: String] {
    guard let item = present("EncryptionContext") else { return [:] }
    guard let pairs = item.texts(in: body.readableBytesUInt8Span) else {
      throw KMSFault("SerializationException", "EncryptionContext must be an object of strings")
    }
    let size = pairs.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
    guard size <= Self.maximumContextBytes else { throw .validation("EncryptionContext is too large") }
    return pairs
  }

  private func present(_ name: String) -> JSONItem? {
    if case .null? = members[name] { return nil }
    return members[name]
  }
}
