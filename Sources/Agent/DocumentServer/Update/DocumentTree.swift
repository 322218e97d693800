// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// A document taken apart for an update, one level at a time and only along the paths that are touched.
///
/// A class, because updates change one leaf deep inside; it never leaves the function that made it.
final class DocumentTree {
  /// The most nulls that one update puts between arrays' ends and places beyond them, as in MongoDB for one array.
  static let maximumPadding = 1_500_000

  private enum Content {
    case value(BSONValue)
    case fields(TreeFields)
    case items([DocumentTree])
  }

  private var content: Content
  /// How many nulls the update may still put in; counted at the root.
  private var padding = DocumentTree.maximumPadding

  init(_ document: Document) { content = .value(.document(document)) }

  private init(_ value: BSONValue) { content = .value(value) }

  /// The value at a path, through documents and places of arrays; nil if nothing is there.
  func value(at path: FieldPath) -> BSONValue? {
    var node = self
    for component in path.components {
      guard let next = node.child(component) else { return nil }
      node = next
    }
    return node.assembled
  }

  /// Puts a value at a path and makes the documents on the way that are missing. Throws `pathNotViable` if something
  /// other than a document or an array stands on the way.
  func set(_ value: BSONValue, at path: FieldPath) throws(CommandError) {
    var node = self
    for component in path.components.dropLast() {
      node = try node.child(component, making: .document(Document()), path, &padding)
    }
    guard let last = path.components.last else { return }
    try node.child(last, making: value, path, &padding).content = .value(value)
  }

  /// Removes what is at a path: a field goes, an array's element becomes null; nothing happens if nothing is there.
  func remove(at path: FieldPath) {
    var node = self
    for component in path.components.dropLast() {
      guard let next = node.child(component) else { return }
      node = next
    }
    guard let last = path.components.last else { return }
    node.expand()
    switch node.content {
    case .fields(let fields): fields.remove(last)
    case .items(let items):
      if let index = last.index, index < items.count { items[index].content = .value(.null) }
    case .value: break
    }
  }

  /// The document with all changes.
  var document: Document { if case .document(let document) = assembled { document } else { Document() } }

  private var assembled: BSONValue {
    switch content {
    case .value(let value): return value
    case .items(let items): return .array(of: items.lazy.map(\.assembled))
    case .fields(let fields):
      var builder = DocumentBuilder()
      fields.forEach { builder.append($0, $1.assembled) }
      return .document(builder.finish())
    }
  }

  /// Takes a document or array apart.
  private func expand() {
    switch content {
    case .value(.document(let document)):
      let fields = TreeFields()
      for element in document { fields.append(FieldPath.Component(element.key), DocumentTree(element.value)) }
      content = .fields(fields)
    case .value(.array(let array)): content = .items(array.map { DocumentTree($0.value) })
    default: break
    }
  }

  private func child(_ component: FieldPath.Component) -> DocumentTree? {
    expand()
    switch content {
    case .fields(let fields): return fields[component]
    case .items(let items): return component.index.flatMap { $0 < items.count ? items[$0] : nil }
    case .value: return nil
    }
  }

  private func child(
    _ component: FieldPath.Component, making value: BSONValue, _ path: FieldPath, _ padding: inout Int
  ) throws(CommandError) -> DocumentTree {
    if let child = child(component) { return child }
    let made = DocumentTree(value)
    switch content {
    case .fields(let fields): fields.append(component, made)
    case .items(let items):
      guard let index = component.index else { throw notViable(component, path, "array") }
      guard index - items.count <= padding else {
        throw CommandError(
          .badValue,
          "'\(path)' lies too far behind its array's end: one update adds at most \(DocumentTree.maximumPadding) nulls")
      }
      padding -= index - items.count
      content = .items(items + (items.count..<index).map { _ in DocumentTree(.null) } + [made])
    case .value(let value): throw notViable(component, path, value.type.name)
    }
    return made
  }

  private func notViable(_ component: FieldPath.Component, _ path: FieldPath, _ type: String) -> CommandError {
    CommandError(
      .pathNotViable, "cannot create field '\(component.name)' of '\(path)' in an element of type \(type)")
  }
}

/// The fields of a document in order, found by name in one step.
private final class TreeFields {
  private var entries: [(name: FieldPath.Component, node: DocumentTree)?] = []
  private var places: [FieldPath.Component: Int] = [:]

  subscript(name: FieldPath.Component) -> DocumentTree? { places[name].flatMap { entries[$0]?.node } }

  /// Appends a field; of two with one name the first is found.
  func append(_ name: FieldPath.Component, _ node: DocumentTree) {
    if places[name] == nil { places[name] = entries.count }
    entries.append((name, node))
  }

  func remove(_ name: FieldPath.Component) {
    if let place = places.removeValue(forKey: name) { entries[place] = nil }
  }

  func forEach(_ body: (String, DocumentTree) -> Void) {
    for case let entry? in entries { body(entry.name.name, entry.node) }
  }
}
