// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// What an update does to a document.
enum UpdateOperation: Sendable {
  case replacement(Document)
  case changes([Change])

  /// One change at one path.
  struct Change: Sendable {
    enum Action: Sendable {
      case set(BSONValue)
      /// Only when an upsert makes the document.
      case setOnInsert(BSONValue)
      case unset
      case increment(BSONValue)
    }

    let path: FieldPath
    let action: Action
  }

  /// Reads the `u` of a statement; throws a `CommandError` that names the first modifier this server doesn't know.
  init(_ value: BSONValue) throws(CommandError) {
    guard case .document(let document) = value else {
      throw CommandError(
        .failedToParse,
        value.type == .array
          ? "an aggregation pipeline as an update is not supported" : "an update has to be an object")
    }
    let isChanges = document.first(where: { _ in true })?.key.utf8.first == UInt8(ascii: "$")
    guard isChanges else {
      try UpdateOperation.checkTopLevel(document)
      self = .replacement(document)
      return
    }
    var changes: [Change] = []
    for element in document { changes += try UpdateOperation.changes(element.key, element.value) }
    changes.sort { UpdateOperation.precedes($0.path, $1.path) }
    try UpdateOperation.checkConflicts(changes)
    self = .changes(changes)
  }

  /// Throws if a document that is to be stored has two `_id`s, or fields that look like operators: those only an insert
  /// may bring, as since MongoDB 5.0.
  static func checkTopLevel(_ document: Document, isInsert: Bool = false) throws(CommandError) {
    var identifiers = 0
    for element in document {
      if !isInsert, element.key.utf8.first == UInt8(ascii: "$") {
        throw CommandError(
          .dollarPrefixedFieldName, "the dollar ($) prefixed field '\(element.key)' is not allowed in a stored document"
        )
      }
      if element.key == "_id" { identifiers += 1 }
    }
    if identifiers > 1 { throw CommandError(.badValue, "can't have multiple _id fields in one document") }
  }

  private static func changes(_ modifier: String, _ operand: BSONValue) throws(CommandError) -> [Change] {
    guard ["$set", "$setOnInsert", "$unset", "$inc"].contains(modifier) else {
      throw CommandError(.failedToParse, "unknown modifier: \(modifier)")
    }
    guard case .document(let fields) = operand else {
      throw CommandError(.failedToParse, "the operand of \(modifier) has to be an object of fields")
    }
    var changes: [Change] = []
    for element in fields {
      let path = try FieldPath.writable(element.key, in: modifier)
      let action: Change.Action =
        switch modifier {
        case "$set": .set(element.value)
        case "$setOnInsert": .setOnInsert(element.value)
        case "$unset": .unset
        default: .increment(try increment(element))
        }
      changes.append(Change(path: path, action: action))
    }
    return changes
  }

  private static func increment(_ element: DocumentElement) throws(CommandError) -> BSONValue {
    switch element.value {
    case .int32, .int64, .double: return element.value
    case .decimal128: throw CommandError(.badValue, "$inc with a decimal128 is not supported (field '\(element.key)')")
    default:
      throw CommandError(
        .typeMismatch,
        "cannot increment with a non-numeric argument: '\(element.key)' of type \(element.value.type.name)")
    }
  }

  /// Paths in the order in which MongoDB (since 5.0) applies them: numbers by value, names by their bytes.
  private static func precedes(_ left: FieldPath, _ right: FieldPath) -> Bool {
    for (one, other) in zip(left.components, right.components) where one != other {
      if let first = one.index, let second = other.index { return first < second }
      return one.name.utf8.lexicographicallyPrecedes(other.name.utf8)
    }
    return left.components.count < right.components.count
  }

  /// Throws if two changes touch the same path, or one inside the other.
  private static func checkConflicts(_ changes: [Change]) throws(CommandError) {
    var touched = Set<[FieldPath.Component]>()
    for change in changes {
      let components = change.path.components
      for length in 1...components.count where touched.contains(Array(components.prefix(length))) {
        throw CommandError(
          .conflictingUpdateOperators, "updating the path '\(change.path)' would create a conflict")
      }
      touched.insert(components)
    }
  }
}
