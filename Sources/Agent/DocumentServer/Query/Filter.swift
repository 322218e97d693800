// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// A query as a tree of conditions; what this server can't evaluate never becomes one.
indirect enum Filter: Sendable {
  /// All hold; an empty list always does.
  case all([Filter])
  case any([Filter])
  case none([Filter])
  case not(Filter)
  case compare(FieldPath, Comparison, BSONValue)
  case oneOf(FieldPath, ValueSet)
  case exists(FieldPath, Bool)
}

/// How a value has to stand to the query's.
enum Comparison: String, Sendable {
  case equal = "$eq"
  case greater = "$gt"
  case greaterOrEqual = "$gte"
  case less = "$lt"
  case lessOrEqual = "$lte"

  func accepts(_ order: ValueOrder) -> Bool {
    switch self {
    case .equal: order == .same
    case .greater: order == .after
    case .greaterOrEqual: order != .before
    case .less: order == .before
    case .lessOrEqual: order != .after
    }
  }

  private var acceptsEquality: Bool { self != .greater && self != .less }

  /// Whether `value`, found in a document, satisfies `value <comparison> operand`; only values of one rank compare, as
  /// in MongoDB.
  func matches(_ value: BSONValue, _ operand: BSONValue) -> Bool {
    switch (value, operand) {
    case (.undefined, .null): return acceptsEquality
    // Everything stands in an order to the two ends.
    case (_, .minKey), (_, .maxKey): return accepts(value.order(operand))
    default: break
    }
    guard value.type.rank == operand.type.rank else { return false }
    // Nothing but NaN itself is equal, less or greater than NaN.
    if value.number?.isNaN == true || operand.number?.isNaN == true {
      return acceptsEquality && value.number?.isNaN == operand.number?.isNaN
    }
    return accepts(value.order(operand))
  }

  /// Whether a missing field satisfies the comparison: it counts as null, and stands between the two ends.
  func matchesMissing(_ operand: BSONValue) -> Bool {
    switch operand {
    case .null: acceptsEquality
    case .minKey: self == .greater || self == .greaterOrEqual
    case .maxKey: self == .less || self == .lessOrEqual
    default: false
    }
  }
}

/// The values of an `$in`, sorted so that a long list is searched in few steps.
struct ValueSet: Sendable {
  let values: [BSONValue]
  /// Whether a missing field is among them. Asked for each document that lacks the field: found once.
  let containsNull: Bool

  init(_ values: [BSONValue]) {
    self.values = values.sorted { $0.order($1) == .before }
    containsNull = values.contains { $0.type == .null }
  }

  func contains(_ value: BSONValue) -> Bool {
    if case .undefined = value { return containsNull }
    var (low, high) = (0, values.count)
    while low < high {
      let middle = (low + high) / 2
      switch values[middle].order(value) {
      case .same: return true
      case .before: low = middle + 1
      case .after: high = middle
      }
    }
    return false
  }
}

extension Filter {
  /// Whether the document satisfies the query.
  func matches(_ document: Document) -> Bool {
    switch self {
    case .all(let filters): filters.allSatisfy { $0.matches(document) }
    case .any(let filters): filters.contains { $0.matches(document) }
    case .none(let filters): !filters.contains { $0.matches(document) }
    case .not(let filter): !filter.matches(document)
    case .compare(let path, let comparison, let operand):
      document.contains(path) { found in
        switch found {
        case .value(let value), .wholeArray(let value): comparison.matches(value, operand)
        case .missing: comparison.matchesMissing(operand)
        }
      }
    case .oneOf(let path, let set):
      document.contains(path) { found in
        switch found {
        case .value(let value), .wholeArray(let value): set.contains(value)
        case .missing: set.containsNull
        }
      }
    case .exists(let path, let wanted):
      wanted
        == document.contains(path, spreading: false) { found in
          if case .missing = found { false } else { true }
        }
    }
  }
}
