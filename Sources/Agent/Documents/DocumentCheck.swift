// SPDX-License-Identifier: GPL-3.0-or-later

/// Checks bytes before libbson sees them: libbson's validator recurses once per level, this one keeps a stack.
struct DocumentCheck {
  private let bytes: [UInt8]
  private let limits: DocumentLimits
  private var offset = 0
  /// Where each open document ends; the last one is the innermost.
  private var ends: [Int] = []

  /// Throws `DocumentError` unless `bytes` are exactly one well-formed document within the limits.
  static func check(_ bytes: [UInt8], limits: DocumentLimits) throws(DocumentError) {
    if bytes.count > limits.maximumSize {
      throw DocumentError(
        .tooLarge, "a document has \(bytes.count) bytes, at most \(limits.maximumSize) are allowed")
    }
    var check = DocumentCheck(bytes: bytes, limits: limits)
    try check.run()
  }

  private init(bytes: [UInt8], limits: DocumentLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  private mutating func run() throws(DocumentError) {
    try open(upTo: bytes.count, filling: true)
    while let end = ends.last {
      if offset == end - 1 {
        guard bytes[offset] == 0 else { throw fault("a document does not end with NUL") }
        offset = end
        ends.removeLast()
      } else {
        try element(in: end)
      }
    }
    if offset != bytes.count { throw fault("bytes follow the document") }
  }

  /// Enters the document that starts at `offset` and must lie before `limit`; `filling` means it must reach it.
  private mutating func open(upTo limit: Int, filling: Bool = false) throws(DocumentError) {
    if ends.count >= limits.maximumNesting {
      throw DocumentError(.tooDeep, "documents are nested deeper than \(limits.maximumNesting) levels")
    }
    guard limit - offset >= Document.minimumSize else { throw fault("a document is cut off") }
    let length = Int(LittleEndian.uint32(bytes, at: offset))
    guard length >= Document.minimumSize, length <= limit - offset, !filling || length == limit - offset else {
      throw fault("a document has a wrong length")
    }
    ends.append(offset + length)
    offset += 4
  }

  private mutating func element(in end: Int) throws(DocumentError) {
    // The last byte of a document is its NUL: values may use the bytes before it.
    let limit = end - 1
    guard let type = BSONType(rawValue: bytes[offset]) else { throw fault("an element has an unknown type") }
    offset += 1
    try cString(before: limit)
    switch type {
    case .undefined, .null, .minKey, .maxKey: break
    case .double, .date, .timestamp, .int64: try skip(8, before: limit)
    case .int32: try skip(4, before: limit)
    case .decimal128: try skip(16, before: limit)
    case .objectID: try skip(ObjectID.length, before: limit)
    case .bool:
      try skip(1, before: limit)
      if bytes[offset - 1] > 1 { throw fault("a bool is neither 0 nor 1") }
    case .string, .code, .symbol: try string(before: limit)
    case .binary: try binary(before: limit)
    case .regex:
      try cString(before: limit)
      try cString(before: limit)
    case .dbPointer:
      try string(before: limit)
      try skip(ObjectID.length, before: limit)
    case .document, .array: try open(upTo: limit)
    case .codeWithScope: try codeWithScope(before: limit)
    }
  }

  private mutating func skip(_ count: Int, before limit: Int) throws(DocumentError) {
    guard count <= limit - offset else { throw fault("a value is cut off") }
    offset += count
  }

  private mutating func length(before limit: Int) throws(DocumentError) -> Int {
    guard limit - offset >= 4 else { throw fault("a length is cut off") }
    let value = LittleEndian.uint32(bytes, at: offset)
    guard value <= UInt32(Int32.max) else { throw fault("a length is negative") }
    offset += 4
    return Int(value)
  }

  private mutating func string(before limit: Int) throws(DocumentError) {
    let length = try length(before: limit)
    guard length >= 1, length <= limit - offset else { throw fault("a string has a wrong length") }
    guard bytes[offset + length - 1] == 0 else { throw fault("a string does not end with NUL") }
    try text(offset..<offset + length - 1)
    offset += length
  }

  private mutating func cString(before limit: Int) throws(DocumentError) {
    guard let end = bytes[offset..<limit].firstIndex(of: 0) else { throw fault("a key or pattern does not end") }
    try text(offset..<end)
    offset = end + 1
  }

  private mutating func binary(before limit: Int) throws(DocumentError) {
    let length = try length(before: limit)
    try skip(1, before: limit)
    let subtype = bytes[offset - 1]
    guard length <= limit - offset else { throw fault("a binary has a wrong length") }
    if subtype == 2 {
      guard length >= 4, Int(LittleEndian.uint32(bytes, at: offset)) == length - 4 else {
        throw fault("an old binary has a wrong inner length")
      }
    }
    offset += length
  }

  private mutating func codeWithScope(before limit: Int) throws(DocumentError) {
    let start = offset
    let length = try length(before: limit)
    guard length <= limit - start else { throw fault("code with scope has a wrong length") }
    try string(before: start + length)
    try open(upTo: start + length, filling: true)
  }

  private func text(_ range: Range<Int>) throws(DocumentError) {
    do {
      _ = try UTF8Span(validating: bytes.span.extracting(range))
    } catch {
      throw DocumentError(.invalidText, "a string or key at byte \(range.lowerBound) is not UTF-8")
    }
  }

  private func fault(_ what: String) -> DocumentError { DocumentError(.malformed, "\(what), at byte \(offset)") }
}
