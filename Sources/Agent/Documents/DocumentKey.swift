// SPDX-License-Identifier: GPL-3.0-or-later

/// An `_id` as the bytes it is stored under: `memcmp` of two keys orders them like `BSONValue.order`.
///
/// Values that compare equal have the same key (1, 1.0, NumberLong(1); the string and the symbol "a"), others never.
/// Layout: the type's rank, then the value; in documents and arrays rank, key (documents only), value for each element
/// and a zero byte at the end, which is less than any rank.
public struct DocumentKey: Sendable, Hashable, Comparable {
  /// The key's bytes; never empty.
  public let bytes: [UInt8]

  /// Makes the key of an `_id`.
  ///
  /// Throws `DocumentError` (`invalidIdentifier`) for an array, a regex, `undefined` (refused by MongoDB too) and for a
  /// decimal128, also inside a document, that is not a whole number of 64 bits: its order among doubles is not exact
  /// here, and two different values must never share a key.
  public init(_ id: BSONValue) throws(DocumentError) {
    switch id {
    case .array, .regex, .undefined:
      throw DocumentError(.invalidIdentifier, "an _id can't be of type \(id.type.name)")
    default: break
    }
    var encoder = KeyEncoder()
    try encoder.append(id)
    bytes = encoder.bytes
  }

  /// Makes a key of bytes that came from a key.
  public init(stored bytes: [UInt8]) { self.bytes = bytes }

  /// Orders like the values.
  public static func < (left: DocumentKey, right: DocumentKey) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}

/// Writes values so that their bytes order like the values.
private struct KeyEncoder {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ value: BSONValue) throws(DocumentError) {
    bytes.append(value.type.rank)
    try appendContent(value)
  }

  private mutating func appendContent(_ value: BSONValue) throws(DocumentError) {
    switch value {
    case .double, .int32, .int64, .decimal128: try appendNumber(value)
    case .string(let text), .symbol(let text), .code(let text): appendEscaped(text.utf8)
    case .document(let document): try append(document, withKeys: true)
    case .array(let document): try append(document, withKeys: false)
    case .binary(let subtype, let data):
      appendBigEndian(UInt32(clamping: data.count))
      bytes.append(subtype)
      bytes.append(contentsOf: data)
    case .objectID(let id): bytes.append(contentsOf: id.bytes)
    case .bool(let flag): bytes.append(flag ? 1 : 0)
    case .date(let milliseconds): appendBigEndian(UInt64(bitPattern: milliseconds) ^ 1 << 63)
    case .timestamp(let number): appendBigEndian(number)
    case .regex(let pattern, let options):
      appendEscaped(pattern.utf8)
      appendEscaped(options.utf8)
    case .dbPointer(let namespace, let id):
      appendEscaped(namespace.utf8)
      bytes.append(contentsOf: id.bytes)
    case .codeWithScope(let code, let scope):
      appendEscaped(code.utf8)
      try append(scope, withKeys: true)
    case .undefined, .null, .minKey, .maxKey: break
    }
  }

  private mutating func appendNumber(_ value: BSONValue) throws(DocumentError) {
    if case .decimal128(let decimal) = value, decimal.exactInteger == nil {
      throw DocumentError(.invalidIdentifier, "a decimal128 in an _id has to be a whole number of at most 64 bits")
    }
    guard let place = NumericPlace(value) else { return }
    appendBigEndian(place.bits)
    appendBigEndian(place.rest)
  }

  private mutating func append(_ document: Document, withKeys: Bool) throws(DocumentError) {
    for element in document {
      bytes.append(element.value.type.rank)
      if withKeys {
        bytes.append(contentsOf: element.key.utf8)
        bytes.append(0)
      }
      try appendContent(element.value)
    }
    bytes.append(0)
  }

  /// A zero byte becomes 00 FF and the end is 00 00, so that a text stands before every text it begins.
  private mutating func appendEscaped(_ text: some Sequence<UInt8>) {
    for byte in text {
      bytes.append(byte)
      if byte == 0 { bytes.append(0xFF) }
    }
    bytes.append(0)
    bytes.append(0)
  }

  private mutating func appendBigEndian<T: FixedWidthInteger>(_ value: T) {
    for place in 1...(T.bitWidth / 8) { bytes.append(UInt8(truncatingIfNeeded: value >> (T.bitWidth - 8 * place))) }
  }
}
