// SPDX-License-Identifier: GPL-3.0-or-later

/// How one value stands to another.
public enum ValueOrder: Sendable {
  /// Before the other.
  case before
  /// Equal to the other.
  case same
  /// After the other.
  case after

  /// The same relation seen from the other value.
  public var reversed: ValueOrder {
    switch self {
    case .before: .after
    case .same: .same
    case .after: .before
    }
  }

  init<T: Comparable>(_ left: T, _ right: T) { self = left < right ? .before : left > right ? .after : .same }

  init(bytes left: some Sequence<UInt8>, _ right: some Sequence<UInt8>) {
    self = left.lexicographicallyPrecedes(right) ? .before : right.lexicographicallyPrecedes(left) ? .after : .same
  }

  func then(_ next: @autoclosure () -> ValueOrder) -> ValueOrder { self == .same ? next() : self }
}

extension BSONValue {
  /// Compares two values in MongoDB's order: by type first (all numbers are one type), then by value.
  ///
  /// Strings compare by their UTF-8 bytes, binaries by length, subtype and bytes, documents element by element.
  public func order(_ other: BSONValue) -> ValueOrder {
    ValueOrder(type.rank, other.type.rank).then(orderWithinRank(other))
  }

  private func orderWithinRank(_ other: BSONValue) -> ValueOrder {
    switch (self, other) {
    case (.document(let left), .document(let right)): return left.order(right, withKeys: true)
    case (.array(let left), .array(let right)): return left.order(right, withKeys: false)
    case (.binary(let subtype, let left), .binary(let otherSubtype, let right)):
      return ValueOrder(left.count, right.count).then(ValueOrder(subtype, otherSubtype)).then(
        ValueOrder(bytes: left, right))
    case (.objectID(let left), .objectID(let right)): return ValueOrder(left, right)
    case (.bool(let left), .bool(let right)): return ValueOrder(left ? 1 : 0, right ? 1 : 0)
    case (.date(let left), .date(let right)): return ValueOrder(left, right)
    case (.timestamp(let left), .timestamp(let right)): return ValueOrder(left, right)
    case (.regex(let left, let options), .regex(let right, let otherOptions)):
      return ValueOrder(bytes: left.utf8, right.utf8).then(ValueOrder(bytes: options.utf8, otherOptions.utf8))
    case (.dbPointer(let left, let id), .dbPointer(let right, let otherID)):
      return ValueOrder(bytes: left.utf8, right.utf8).then(ValueOrder(id, otherID))
    case (.code(let left), .code(let right)): return ValueOrder(bytes: left.utf8, right.utf8)
    case (.codeWithScope(let left, let scope), .codeWithScope(let right, let otherScope)):
      return ValueOrder(bytes: left.utf8, right.utf8).then(scope.order(otherScope, withKeys: true))
    default:
      if let left = NumericPlace(self), let right = NumericPlace(other) { return ValueOrder(left, right) }
      if let left = text, let right = other.text { return ValueOrder(bytes: left.utf8, right.utf8) }
      return .same
    }
  }

  /// The text of a string or symbol, which MongoDB compares as one type.
  var text: String? {
    switch self {
    case .string(let text), .symbol(let text): text
    default: nil
    }
  }
}

extension Document {
  /// Compares two documents in MongoDB's order: element by element, by type, then key, then value.
  public func order(_ other: Document) -> ValueOrder { order(other, withKeys: true) }

  func order(_ other: Document, withKeys: Bool) -> ValueOrder {
    var left = RawElements(self)
    var right = RawElements(other)
    while true {
      switch (left.next(), right.next()) {
      case (nil, nil): return .same
      case (nil, _): return .before
      case (_, nil): return .after
      case (let one?, let two?):
        let found = ValueOrder(one.type.rank, two.type.rank)
          .then(withKeys ? ValueOrder(bytes: left.storage[one.key], right.storage[two.key]) : .same)
          .then(one.value(in: left.storage).order(two.value(in: right.storage)))
        if found != .same { return found }
      }
    }
  }
}
