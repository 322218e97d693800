// SPDX-License-Identifier: GPL-3.0-or-later

/// Writes a document element by element.
///
/// Keys, patterns and options must not contain NUL, which a document can't carry; ones read from documents never do.
public struct DocumentBuilder: Sendable {
  private var bytes: [UInt8] = [0, 0, 0, 0]

  /// Starts an empty document.
  public init() {}

  /// Bytes written so far, with the length in front and without the NUL at the end.
  public var size: Int { bytes.count }

  /// Appends an element.
  public mutating func append(_ key: String, _ value: BSONValue) {
    bytes.append(value.type.rawValue)
    appendCString(key)
    append(value)
  }

  /// Appends all elements of a document.
  public mutating func append(contentsOf document: Document) {
    bytes.append(contentsOf: document.storage[document.range].dropFirst(4).dropLast())
  }

  /// Ends the document.
  public consuming func finish() -> Document {
    bytes.append(0)
    setLength(at: 0)
    return Document(checked: bytes)
  }

  private mutating func append(_ value: BSONValue) {
    switch value {
    case .double(let number): LittleEndian.append(number.bitPattern, to: &bytes)
    case .string(let text), .code(let text), .symbol(let text): appendString(text)
    case .document(let document), .array(let document): bytes.append(contentsOf: document.storage[document.range])
    case .binary(let subtype, let data): appendBinary(subtype, data)
    case .undefined, .null, .minKey, .maxKey: break
    case .objectID(let id): bytes.append(contentsOf: id.bytes)
    case .bool(let flag): bytes.append(flag ? 1 : 0)
    case .date(let milliseconds): LittleEndian.append(milliseconds, to: &bytes)
    case .regex(let pattern, let options):
      appendCString(pattern)
      appendCString(options)
    case .dbPointer(let namespace, let id):
      appendString(namespace)
      bytes.append(contentsOf: id.bytes)
    case .codeWithScope(let code, let scope):
      let start = bytes.count
      LittleEndian.append(Int32(0), to: &bytes)
      appendString(code)
      bytes.append(contentsOf: scope.storage[scope.range])
      setLength(at: start)
    case .int32(let number): LittleEndian.append(number, to: &bytes)
    case .timestamp(let number): LittleEndian.append(number, to: &bytes)
    case .int64(let number): LittleEndian.append(number, to: &bytes)
    case .decimal128(let decimal):
      LittleEndian.append(decimal.low, to: &bytes)
      LittleEndian.append(decimal.high, to: &bytes)
    }
  }

  private mutating func appendCString(_ text: String) {
    precondition(!text.utf8.contains(0), "a BSON key or pattern contains NUL")
    bytes.append(contentsOf: text.utf8)
    bytes.append(0)
  }

  private mutating func appendString(_ text: String) {
    LittleEndian.append(Int32(clamping: text.utf8.count + 1), to: &bytes)
    bytes.append(contentsOf: text.utf8)
    bytes.append(0)
  }

  private mutating func appendBinary(_ subtype: UInt8, _ data: [UInt8]) {
    // Subtype 2 carries its length twice; readers see the inner bytes only.
    let isOld = subtype == 2
    LittleEndian.append(Int32(clamping: data.count + (isOld ? 4 : 0)), to: &bytes)
    bytes.append(subtype)
    if isOld { LittleEndian.append(Int32(clamping: data.count), to: &bytes) }
    bytes.append(contentsOf: data)
  }

  private mutating func setLength(at start: Int) {
    let length = UInt32(clamping: bytes.count - start)
    for place in 0..<4 { bytes[start + place] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(place))) }
  }
}
