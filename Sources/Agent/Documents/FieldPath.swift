// SPDX-License-Identifier: GPL-3.0-or-later

/// A dotted path such as `address.lines.0`, split once.
public struct FieldPath: Sendable, Hashable, CustomStringConvertible {
  /// One name between dots.
  public struct Component: Sendable, Hashable {
    /// The name.
    public let name: String
    /// The name as a place in an array, if it is a plain decimal number (no leading zero, at most nine digits).
    public let index: Int?

    /// Takes a name as it is, dots included.
    public init(_ name: some StringProtocol) {
      self.name = String(name)
      let digits = name.utf8
      let isNumber = !digits.isEmpty && digits.count <= 9 && digits.allSatisfy { $0 >= 0x30 && $0 <= 0x39 }
      index = isNumber && (digits.count == 1 || digits.first != 0x30) ? Int(name) : nil
    }

    /// Whether both names have the same bytes.
    public static func == (left: Component, right: Component) -> Bool { left.name.utf8.elementsEqual(right.name.utf8) }

    /// Hashes the name's bytes.
    public func hash(into hasher: inout Hasher) {
      for byte in name.utf8 { hasher.combine(byte) }
    }
  }

  /// The names, at least one; a name may be empty.
  public let components: [Component]
  /// The path as it was written.
  public let description: String

  /// Splits a path at its dots.
  public init(_ text: String) {
    description = text
    components = text.split(separator: ".", omittingEmptySubsequences: false).map { Component($0) }
  }

  /// Whether both have the same components.
  public static func == (left: FieldPath, right: FieldPath) -> Bool { left.components == right.components }

  /// Hashes the components.
  public func hash(into hasher: inout Hasher) { hasher.combine(components) }
}

/// Something a query finds at a path.
public enum PathValue: Sendable {
  /// The value of a field, or one element of an array that stands there.
  case value(BSONValue)
  /// An array as a whole that stands at the path's end; its elements come one by one before it.
  case wholeArray(BSONValue)
  /// Nothing stands there.
  case missing
}

extension Document {
  /// Visits what a query looks at for a path, until `test` answers true; answers whether it did.
  ///
  /// As in MongoDB a path goes through documents inside arrays and may name a place in an array; with `spreading`
  /// elements of an array at the path's end are visited too. A document on the way without the field counts as missing;
  /// elements of an array that are not documents don't count.
  public func contains(_ path: FieldPath, spreading: Bool = true, where test: (PathValue) throws -> Bool) rethrows
    -> Bool
  {
    try PathWalk(components: path.components, spreading: spreading).visit(self, 0, test)
  }
}

private struct PathWalk {
  let components: [FieldPath.Component]
  let spreading: Bool

  func visit(_ document: Document, _ depth: Int, _ test: (PathValue) throws -> Bool) rethrows -> Bool {
    guard let value = document[components[depth].name] else { return try test(.missing) }
    if depth == components.count - 1 { return try visitEnd(value, test) }
    switch value {
    case .document(let embedded): return try visit(embedded, depth + 1, test)
    case .array(let array): return try visitArray(array, depth + 1, test)
    default: return try test(.missing)
    }
  }

  private func visitEnd(_ value: BSONValue, _ test: (PathValue) throws -> Bool) rethrows -> Bool {
    guard case .array(let array) = value else { return try test(.value(value)) }
    if spreading {
      for element in array where try test(.value(element.value)) { return true }
    }
    return try test(.wholeArray(value))
  }

  private func visitArray(_ array: Document, _ depth: Int, _ test: (PathValue) throws -> Bool) rethrows -> Bool {
    for (place, element) in array.enumerated() {
      if case .document(let embedded) = element.value, try visit(embedded, depth, test) { return true }
      guard components[depth].index == place else { continue }
      if depth == components.count - 1 {
        // A place at the path's end is not spread further, even if an array stands there.
        if try test(.value(element.value)) { return true }
        continue
      }
      switch element.value {
      case .document(let embedded): if try visit(embedded, depth + 1, test) { return true }
      case .array(let inner): if try visitArray(inner, depth + 1, test) { return true }
      default: break
      }
    }
    return false
  }
}
