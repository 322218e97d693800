// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

extension FieldPath {
  /// The most names in a path: no stored document is deeper, and no hostile path costs more than that.
  static let maximumNames = 200

  /// Reads a path of a query; throws if it has too many names.
  static func checked(_ text: String, in owner: String) throws(CommandError) -> FieldPath {
    let dots = text.utf8.reduce(0) { $1 == UInt8(ascii: ".") ? $0 + 1 : $0 }
    if dots >= maximumNames {
      throw CommandError(.badValue, "\(owner): a path has more than \(maximumNames) field names")
    }
    return FieldPath(text)
  }

  /// Reads a path that names a field of a result or an update: no empty name, none that starts with `$`.
  static func writable(_ text: String, in owner: String) throws(CommandError) -> FieldPath {
    let path = try checked(text, in: owner)
    for component in path.components {
      if component.name.isEmpty {
        throw CommandError(.emptyFieldName, "\(owner): the path '\(text)' has an empty field name")
      }
      if component.name.utf8.first == UInt8(ascii: "$") {
        throw CommandError(
          .badValue, "\(owner): '\(text)': operators such as '$' inside a path are not supported")
      }
    }
    return path
  }
}
