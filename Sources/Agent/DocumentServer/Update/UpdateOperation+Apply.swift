// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension UpdateOperation {
  /// The document after the update. Throws a `CommandError` if it can't be applied; the `_id` stays what it was.
  func apply(to old: Document) throws(CommandError) -> Document {
    let id = old["_id"]
    let changed: Document
    switch self {
    case .replacement(let document): changed = document
    case .changes(let changes): changed = try UpdateOperation.apply(changes, to: old, isInsert: false)
    }
    if case .replacement = self, !changed.contains("_id") {
      return try UpdateOperation.storable(changed, id: id ?? .null)
    }
    guard let id, let newID = changed["_id"], newID.order(id) == .same else {
      throw CommandError(.immutableField, "the (immutable) field '_id' was found to have been altered")
    }
    return try UpdateOperation.storable(changed, id: id)
  }

  /// The document an upsert inserts: the query's equalities, then the update; an `_id` is made if none is given.
  func upserted(query: Filter, makeID: () -> ObjectID) throws(CommandError) -> Document {
    let tree = DocumentTree(Document())
    var paths: [FieldPath] = []
    for (path, value) in query.equalities {
      if case .replacement = self, path != .id { continue }
      if paths.contains(path) {
        throw CommandError(.badValue, "cannot infer the field '\(path)' of an upsert: the query gives it twice")
      }
      paths.append(path)
      try tree.set(value, at: .writable(path.description, in: "upsert"))
    }
    let queryID = tree.value(at: .id)
    let document: Document
    switch self {
    case .replacement(let replacement): document = replacement
    case .changes(let changes): document = try UpdateOperation.apply(changes, to: tree.document, isInsert: true)
    }
    let id = document["_id"] ?? queryID ?? .objectID(makeID())
    if let queryID, queryID.order(id) != .same {
      throw CommandError(.immutableField, "the (immutable) field '_id' of the query differs from the update's")
    }
    return try UpdateOperation.storable(document, id: id)
  }

  private static func apply(_ changes: [Change], to document: Document, isInsert: Bool) throws(CommandError) -> Document
  {
    let tree = DocumentTree(document)
    for change in changes {
      switch change.action {
      case .set(let value): try tree.set(value, at: change.path)
      case .setOnInsert(let value): if isInsert { try tree.set(value, at: change.path) }
      case .unset: tree.remove(at: change.path)
      case .increment(let step):
        try tree.set(try sum(tree.value(at: change.path), step, at: change.path), at: change.path)
      }
    }
    return tree.document
  }

  /// Puts `id` in front and checks that the document may be stored.
  static func storable(_ document: Document, id: BSONValue) throws(CommandError) -> Document {
    var ordered = document
    let first = document.first { _ in true }
    if first?.key != "_id" || first?.value != id {
      var builder = DocumentBuilder()
      builder.append("_id", id)
      for element in document where element.key != "_id" { builder.append(element.key, element.value) }
      ordered = builder.finish()
    }
    do throws(DocumentError) {
      return try Document(ordered.bytes)
    } catch {
      throw CommandError(error)
    }
  }

  private static func sum(_ value: BSONValue?, _ step: BSONValue, at path: FieldPath) throws(CommandError) -> BSONValue
  {
    switch (value, step) {
    case (nil, _): return step
    case (.int32(let left), .int32(let right)):
      let sum = Int64(left) + Int64(right)
      return Int32(exactly: sum).map { .int32($0) } ?? .int64(sum)
    case (.double?, _), (_, .double):
      if let left = value?.number, let right = step.number, value?.type != .decimal128 { return .double(left + right) }
    case (.int32?, _), (.int64?, _):
      guard let left = value?.wholeNumber, let right = step.wholeNumber else { break }
      let (sum, overflow) = left.addingReportingOverflow(right)
      if overflow { throw CommandError(.badValue, "$inc of '\(path)' overflows a 64-bit number") }
      return .int64(Int64(sum))
    case (.decimal128?, _): throw CommandError(.badValue, "$inc of a decimal128 is not supported (field '\(path)')")
    default: break
    }
    throw CommandError(
      .typeMismatch, "cannot apply $inc to '\(path)' of the non-numeric type \(value?.type.name ?? "missing")")
  }
}

extension Filter {
  /// What the query says a new document has to be: equalities that all have to hold.
  var equalities: [(FieldPath, BSONValue)] {
    switch self {
    case .all(let filters): filters.flatMap(\.equalities)
    case .any(let filters) where filters.count == 1: filters[0].equalities
    case .compare(let path, .equal, let value): [(path, value)]
    case .oneOf(let path, let set) where set.values.count == 1: [(path, set.values[0])]
    default: []
    }
  }
}
