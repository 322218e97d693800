// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// What a `projection` leaves of a document: only named fields, or all but named ones.
struct Projection: Sendable {
  /// The named fields below one level; a field without deeper names stands for all of its value.
  private struct Names: Sendable {
    var below: [FieldPath.Component: Names] = [:]
    var isWhole: Bool { below.isEmpty }
  }

  private var names = Names()
  private var includes = false

  /// Reads a projection document; nil if it asks for everything.
  init?(_ document: Document) throws(CommandError) {
    if document.isEmpty { return nil }
    var keepsID: Bool?
    var mode: Bool?
    for element in document {
      let path = try FieldPath.writable(element.key, in: "projection")
      let keeps = try Projection.flag(element)
      if element.key == "_id" {
        keepsID = keeps
        continue
      }
      if let mode, mode != keeps {
        throw CommandError(
          .projectionMixed, "cannot mix inclusion and exclusion in a projection (at field '\(element.key)')")
      }
      mode = keeps
      try add(path)
    }
    includes = mode ?? keepsID ?? false
    let id = FieldPath.id.components[0]
    if includes == (keepsID ?? true) { names.below[id] = Names() }
  }

  private static func flag(_ element: DocumentElement) throws(CommandError) -> Bool {
    if case .bool(let flag) = element.value { return flag }
    if let number = element.value.number { return number != 0 }
    if case .document(let operand) = element.value, let name = operand.first(where: { _ in true })?.key {
      throw CommandError(.badValue, "projection: '\(name)' on field '\(element.key)' is not supported")
    }
    throw CommandError(
      .badValue,
      "projection: field '\(element.key)' is of type \(element.value.type.name), expected true, false, 1 or 0"
    )
  }

  private mutating func add(_ path: FieldPath) throws(CommandError) {
    let collision = CommandError(.projectionCollision, "projection: path collision at '\(path)'")
    var reached = names
    for (place, component) in path.components.enumerated() {
      let isLast = place == path.components.count - 1
      guard let next = reached.below[component] else { break }
      if next.isWhole || isLast { throw collision }
      reached = next
    }
    Projection.insert(path.components[...], into: &names)
  }

  private static func insert(_ path: ArraySlice<FieldPath.Component>, into names: inout Names) {
    guard let first = path.first else { return }
    insert(path.dropFirst(), into: &names.below[first, default: Names()])
  }

  /// What is left of a document, its fields in their order.
  func apply(to document: Document) -> Document { apply(to: document, names) }

  private func apply(to document: Document, _ names: Names) -> Document {
    var builder = DocumentBuilder()
    for element in document {
      guard let deeper = names.below[FieldPath.Component(element.key)] else {
        if !includes { builder.append(element.key, element.value) }
        continue
      }
      if deeper.isWhole {
        if includes { builder.append(element.key, element.value) }
      } else if let value = apply(to: element.value, deeper) {
        builder.append(element.key, value)
      }
    }
    return builder.finish()
  }

  private func apply(to value: BSONValue, _ names: Names) -> BSONValue? {
    switch value {
    case .document(let document): .document(apply(to: document, names))
    case .array(let array): .array(of: array.compactMap { apply(to: $0.value, names) })
    default: includes ? nil : value
    }
  }
}
