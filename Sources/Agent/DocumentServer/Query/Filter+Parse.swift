// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension Filter {
  /// Reads a query document; throws a `CommandError` that names the first operator this server doesn't know.
  init(_ query: Document) throws(CommandError) {
    var filters: [Filter] = []
    for element in query {
      if element.key.utf8.first == UInt8(ascii: "$") {
        filters.append(try Filter.logical(element.key, element.value))
      } else {
        filters += try Filter.conditions(try .checked(element.key, in: "query"), element.value)
      }
    }
    self = filters.count == 1 ? filters[0] : .all(filters)
  }

  private static func logical(_ name: String, _ operand: BSONValue) throws(CommandError) -> Filter {
    switch name {
    case "$and": .all(try branches(name, operand))
    case "$or": .any(try branches(name, operand))
    case "$nor": .none(try branches(name, operand))
    default: throw CommandError(.badValue, "unknown top level operator: \(name)")
    }
  }

  private static func branches(_ name: String, _ operand: BSONValue) throws(CommandError) -> [Filter] {
    guard let elements = operand.elements, !elements.isEmpty else {
      throw CommandError(.badValue, "\(name) needs a nonempty array")
    }
    var filters: [Filter] = []
    for element in elements {
      guard case .document(let branch) = element else {
        throw CommandError(.badValue, "the entries of \(name) have to be objects")
      }
      filters.append(try Filter(branch))
    }
    return filters
  }

  private static func conditions(_ path: FieldPath, _ value: BSONValue) throws(CommandError) -> [Filter] {
    if case .document(let operators) = value, isOperators(operators) {
      return try self.operators(path, operators)
    }
    return [.compare(path, .equal, try comparable(value, "equality"))]
  }

  /// Whether a document holds operators; `$ref`, `$id` and `$db` are fields of a DBRef.
  static func isOperators(_ document: Document) -> Bool {
    guard let key = document.first(where: { _ in true })?.key else { return false }
    return key.utf8.first == UInt8(ascii: "$") && !["$ref", "$id", "$db"].contains(key)
  }

  private static func operators(_ path: FieldPath, _ operators: Document) throws(CommandError) -> [Filter] {
    var filters: [Filter] = []
    for element in operators { filters.append(try condition(path, element.key, element.value)) }
    return filters
  }

  private static func condition(_ path: FieldPath, _ name: String, _ operand: BSONValue) throws(CommandError) -> Filter
  {
    if let comparison = Comparison(rawValue: name) {
      return .compare(path, comparison, try comparable(operand, name))
    }
    switch name {
    case "$ne": return .not(.compare(path, .equal, try comparable(operand, name)))
    case "$in": return .oneOf(path, try valueSet(operand, name))
    case "$nin": return .not(.oneOf(path, try valueSet(operand, name)))
    case "$exists":
      let wanted =
        switch operand {
        case .bool(let flag): flag
        case .null, .undefined: false
        default: operand.number != 0
        }
      return .exists(path, wanted)
    case "$not":
      guard case .document(let inner) = operand, isOperators(inner) else {
        throw CommandError(.badValue, "$not needs an object of operators; a regular expression is not supported")
      }
      return .not(.all(try operators(path, inner)))
    default: throw CommandError(.badValue, "unknown operator: \(name)")
    }
  }

  private static func valueSet(_ operand: BSONValue, _ name: String) throws(CommandError) -> ValueSet {
    guard let elements = operand.elements else { throw CommandError(.badValue, "\(name) needs an array") }
    for element in elements {
      _ = try comparable(element, name)
      if case .document(let document) = element, isOperators(document) {
        throw CommandError(.badValue, "cannot nest $ under \(name)")
      }
    }
    return ValueSet(elements)
  }

  private static func comparable(_ value: BSONValue, _ name: String) throws(CommandError) -> BSONValue {
    switch value {
    case .regex: throw CommandError(.badValue, "a regular expression in a query ($regex) is not supported")
    case .undefined: throw CommandError(.badValue, "cannot compare to undefined (\(name))")
    default: return value
    }
  }
}
