// SPDX-License-Identifier: GPL-3.0-or-later
internal import CBSON

/// A key and its value.
public struct DocumentElement: Sendable, Equatable {
  /// The key.
  public let key: String
  /// The value.
  public let value: BSONValue
}

extension Document: Sequence {
  /// Walks a document's elements in order.
  public struct Iterator: IteratorProtocol {
    private var walk: RawElements

    init(_ document: Document) { walk = RawElements(document) }

    /// The next element, or nil at the end.
    public mutating func next() -> DocumentElement? {
      guard let element = walk.next() else { return nil }
      return DocumentElement(
        key: String(decoding: walk.storage[element.key], as: UTF8.self), value: element.value(in: walk.storage))
    }
  }

  /// An iterator over the elements.
  public func makeIterator() -> Iterator { Iterator(self) }
}

/// An element as places in the bytes of its document; the value is made only when it is asked for.
struct RawElement {
  let type: BSONType
  let key: Range<Int>
  private let base: Int
  private let places: keyfold_bson_element

  init(type: BSONType, base: Int, places: keyfold_bson_element) {
    self.type = type
    self.base = base
    self.places = places
    key = base + Int(places.key_offset)..<base + Int(places.key_offset) + Int(places.key_length)
  }

  private var first: Range<Int> {
    base + Int(places.first_offset)..<base + Int(places.first_offset) + Int(places.first_length)
  }

  private var second: Range<Int> {
    base + Int(places.second_offset)..<base + Int(places.second_offset) + Int(places.second_length)
  }

  /// The value; `storage` is what the element was read from.
  func value(in storage: [UInt8]) -> BSONValue {
    switch type {
    case .double: .double(Double(bitPattern: places.low))
    case .string: .string(text(first, storage))
    case .document: .document(embedded(first, storage))
    case .array: .array(embedded(first, storage))
    case .binary: .binary(subtype: places.subtype, bytes: Array(storage[first]))
    case .undefined: .undefined
    case .objectID: .objectID(identifier(first, storage))
    case .bool: .bool(places.low != 0)
    case .date: .date(Int64(bitPattern: places.low))
    case .null: .null
    case .regex: .regex(pattern: text(first, storage), options: text(second, storage))
    case .dbPointer: .dbPointer(namespace: text(first, storage), id: identifier(second, storage))
    case .code: .code(text(first, storage))
    case .symbol: .symbol(text(first, storage))
    case .codeWithScope: .codeWithScope(text(first, storage), scope: embedded(second, storage))
    case .int32: .int32(Int32(truncatingIfNeeded: places.low))
    case .timestamp: .timestamp(places.low)
    case .int64: .int64(Int64(bitPattern: places.low))
    case .decimal128: .decimal128(Decimal128(high: places.high, low: places.low))
    case .minKey: .minKey
    case .maxKey: .maxKey
    }
  }

  private func text(_ range: Range<Int>, _ storage: [UInt8]) -> String {
    String(decoding: storage[range], as: UTF8.self)
  }

  private func embedded(_ range: Range<Int>, _ storage: [UInt8]) -> Document {
    Document(storage: storage, range: range)
  }

  private func identifier(_ range: Range<Int>, _ storage: [UInt8]) -> ObjectID {
    ObjectID(storage[range]) ?? ObjectID(seconds: 0, maker: 0, counter: 0)
  }
}

/// Walks a document through libbson; the iterator itself stays inside the C shim.
struct RawElements {
  let storage: [UInt8]
  private let range: Range<Int>
  /// Where the next element starts, from the document's first byte; after the length at the beginning.
  private var offset = 4

  init(_ document: Document) {
    storage = document.storage
    range = document.range
  }

  mutating func next() -> RawElement? {
    var places = keyfold_bson_element()
    let (range, offset) = (range, offset)
    let found = unsafe storage.withUnsafeBufferPointer { all in
      unsafe keyfold_bson_element_at(
        UnsafeBufferPointer(rebasing: all[range]).baseAddress, range.count, offset, &places)
    }
    guard found == 1, let type = BSONType(rawValue: places.type) else { return nil }
    self.offset = Int(places.next_offset)
    return RawElement(type: type, base: range.lowerBound, places: places)
  }
}
