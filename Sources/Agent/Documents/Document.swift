// SPDX-License-Identifier: GPL-3.0-or-later

/// A BSON document as owned bytes; embedded documents share their parent's bytes.
public struct Document: Sendable {
  /// The smallest document: a length and a NUL.
  static let minimumSize = 5

  let storage: [UInt8]
  let range: Range<Int>

  /// An empty document.
  public init() {
    storage = [5, 0, 0, 0, 0]
    range = 0..<5
  }

  /// Takes bytes as a document after checking every length, type, string and nesting; throws `DocumentError`.
  public init(_ bytes: [UInt8], limits: DocumentLimits = .stored) throws(DocumentError) {
    try DocumentCheck.check(bytes, limits: limits)
    self.init(checked: bytes)
  }

  /// Takes bytes that were checked before they were stored; looks only at the frame, nil if that is broken.
  ///
  /// Broken bytes inside read as a document that ends early, never as memory outside of it.
  public init?(stored bytes: [UInt8]) {
    guard bytes.count >= Document.minimumSize, bytes.last == 0,
      LittleEndian.uint32(bytes, at: 0) == UInt32(truncatingIfNeeded: bytes.count)
    else { return nil }
    self.init(checked: bytes)
  }

  init(checked bytes: [UInt8]) {
    storage = bytes
    range = 0..<bytes.count
  }

  init(storage: [UInt8], range: Range<Int>) {
    self.storage = storage
    self.range = range
  }

  /// Makes a document of keys and values, in that order.
  public init(_ elements: some Sequence<(String, BSONValue)>) {
    var builder = DocumentBuilder()
    for (key, value) in elements { builder.append(key, value) }
    self = builder.finish()
  }

  /// The document's bytes.
  public var bytes: [UInt8] { range.count == storage.count ? storage : Array(storage[range]) }

  /// The same document in bytes of its own: it keeps nothing alive of a document that it was embedded in.
  public var detached: Document { range.count == storage.count ? self : Document(checked: Array(storage[range])) }

  /// The document's size, in bytes.
  public var size: Int { range.count }

  /// Whether the document has no elements.
  public var isEmpty: Bool { size <= Document.minimumSize }

  /// The value of the first element with that key, or nil.
  public subscript(key: String) -> BSONValue? {
    var walk = RawElements(self)
    let wanted = key.utf8
    while let element = walk.next() {
      if storage[element.key].elementsEqual(wanted) { return element.value(in: storage) }
    }
    return nil
  }

  /// Whether there is an element with that key.
  public func contains(_ key: String) -> Bool {
    var walk = RawElements(self)
    let wanted = key.utf8
    while let element = walk.next() {
      if storage[element.key].elementsEqual(wanted) { return true }
    }
    return false
  }
}

extension Document: Hashable {
  /// Whether both have the same bytes.
  public static func == (left: Document, right: Document) -> Bool {
    left.storage[left.range].elementsEqual(right.storage[right.range])
  }

  /// Hashes the bytes.
  public func hash(into hasher: inout Hasher) {
    for byte in storage[range] { hasher.combine(byte) }
  }
}

extension Document: ExpressibleByDictionaryLiteral {
  /// A document in the order written.
  public init(dictionaryLiteral elements: (String, BSONValue)...) { self.init(elements) }
}
