// SPDX-License-Identifier: GPL-3.0-or-later

/// One BSON value; every type of the specification is carried through, also the deprecated ones.
///
/// `==` means the same type and the same bytes; `order(_:)` compares as MongoDB does (1 and 1.0 are equal there).
public enum BSONValue: Sendable {
  case double(Double)
  case string(String)
  case document(Document)
  /// An array is a document whose keys are "0", "1", …; the keys are not looked at.
  case array(Document)
  case binary(subtype: UInt8, bytes: [UInt8])
  case undefined
  case objectID(ObjectID)
  case bool(Bool)
  /// Milliseconds since 1970.
  case date(Int64)
  case null
  case regex(pattern: String, options: String)
  case dbPointer(namespace: String, id: ObjectID)
  case code(String)
  case symbol(String)
  case codeWithScope(String, scope: Document)
  case int32(Int32)
  /// Seconds since 1970 in the upper, a counter in the lower 32 bits.
  case timestamp(UInt64)
  case int64(Int64)
  case decimal128(Decimal128)
  case minKey
  case maxKey

  /// The value's type.
  public var type: BSONType {
    switch self {
    case .double: .double
    case .string: .string
    case .document: .document
    case .array: .array
    case .binary: .binary
    case .undefined: .undefined
    case .objectID: .objectID
    case .bool: .bool
    case .date: .date
    case .null: .null
    case .regex: .regex
    case .dbPointer: .dbPointer
    case .code: .code
    case .symbol: .symbol
    case .codeWithScope: .codeWithScope
    case .int32: .int32
    case .timestamp: .timestamp
    case .int64: .int64
    case .decimal128: .decimal128
    case .minKey: .minKey
    case .maxKey: .maxKey
    }
  }

  /// The elements of an array; nil if this is not one.
  public var elements: [BSONValue]? {
    if case .array(let document) = self { return document.map(\.value) }
    return nil
  }

  /// Makes an array of values.
  public static func array(of values: some Sequence<BSONValue>) -> BSONValue {
    var builder = DocumentBuilder()
    for (place, value) in values.enumerated() { builder.append(String(place), value) }
    return .array(builder.finish())
  }
}

extension BSONValue: Equatable {
  /// Whether both have the same type and the same bytes.
  public static func == (left: BSONValue, right: BSONValue) -> Bool {
    guard left.type == right.type else { return false }
    var one = DocumentBuilder()
    var other = DocumentBuilder()
    one.append("", left)
    other.append("", right)
    return one.finish().bytes == other.finish().bytes
  }
}

extension BSONValue: ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByStringLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  // Not by nil: an optional value's `nil` would quietly become null.

  /// An int32 if it fits, else an int64.
  public init(integerLiteral value: Int64) { self = Int32(exactly: value).map(BSONValue.int32) ?? .int64(value) }
  /// A double.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A bool.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// An array.
  public init(arrayLiteral elements: BSONValue...) { self = .array(of: elements) }
  /// An embedded document, in the order written.
  public init(dictionaryLiteral elements: (String, BSONValue)...) { self = .document(Document(elements)) }
}

extension BSONValue {
  /// An int32 if the number fits, else an int64: how a server counts in its replies.
  public static func integer(_ value: Int) -> BSONValue {
    Int32(exactly: value).map(BSONValue.int32) ?? .int64(Int64(value))
  }
}
