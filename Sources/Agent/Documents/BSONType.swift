// SPDX-License-Identifier: GPL-3.0-or-later

/// The type byte of a BSON element (bsonspec.org, version 1.1).
public enum BSONType: UInt8, Sendable, CaseIterable {
  case double = 0x01
  case string = 0x02
  case document = 0x03
  case array = 0x04
  case binary = 0x05
  case undefined = 0x06
  case objectID = 0x07
  case bool = 0x08
  case date = 0x09
  case null = 0x0A
  case regex = 0x0B
  case dbPointer = 0x0C
  case code = 0x0D
  case symbol = 0x0E
  case codeWithScope = 0x0F
  case int32 = 0x10
  case timestamp = 0x11
  case int64 = 0x12
  case decimal128 = 0x13
  case minKey = 0xFF
  case maxKey = 0x7F

  /// The place of the type in MongoDB's order of values; types with the same rank are compared with each other.
  public var rank: UInt8 {
    switch self {
    case .minKey: 1
    case .undefined: 2
    case .null: 5
    case .double, .int32, .int64, .decimal128: 10
    case .string, .symbol: 15
    case .document: 20
    case .array: 25
    case .binary: 30
    case .objectID: 35
    case .bool: 40
    case .date: 45
    case .timestamp: 47
    case .regex: 50
    case .dbPointer: 55
    case .code: 60
    case .codeWithScope: 65
    case .maxKey: 127
    }
  }

  /// The type's name as MongoDB's `$type` spells it.
  public var name: String {
    switch self {
    case .double: "double"
    case .string: "string"
    case .document: "object"
    case .array: "array"
    case .binary: "binData"
    case .undefined: "undefined"
    case .objectID: "objectId"
    case .bool: "bool"
    case .date: "date"
    case .null: "null"
    case .regex: "regex"
    case .dbPointer: "dbPointer"
    case .code: "javascript"
    case .symbol: "symbol"
    case .codeWithScope: "javascriptWithScope"
    case .int32: "int"
    case .timestamp: "timestamp"
    case .int64: "long"
    case .decimal128: "decimal"
    case .minKey: "minKey"
    case .maxKey: "maxKey"
    }
  }
}
