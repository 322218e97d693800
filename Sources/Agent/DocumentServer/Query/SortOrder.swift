// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The order a `sort` asks for.
struct SortOrder: Sendable {
  /// The most keys of one sort, as in MongoDB.
  static let maximumKeys = 32

  private struct Key: Sendable {
    let path: FieldPath
    let isAscending: Bool
  }

  private let keys: [Key]

  /// Whether the order is that of the keys in storage.
  var isStorageOrder: Bool { keys.isEmpty || keys.first.map { $0.isAscending && $0.path == .id } ?? false }

  /// Reads a sort document; throws a `CommandError` for anything but 1 and -1.
  init(_ document: Document) throws(CommandError) {
    var keys: [Key] = []
    for element in document {
      if element.key == "$natural" { throw CommandError(.badValue, "sort: $natural is not supported") }
      if case .document = element.value { throw CommandError(.badValue, "sort: $meta is not supported") }
      guard let direction = element.value.wholeNumber, direction == 1 || direction == -1 else {
        throw CommandError(.badValue, "sort: the direction of '\(element.key)' has to be 1 or -1")
      }
      keys.append(Key(path: try .writable(element.key, in: "sort"), isAscending: direction == 1))
      if keys.count > SortOrder.maximumKeys {
        throw CommandError(.badValue, "sort: more than \(SortOrder.maximumKeys) keys")
      }
    }
    self.keys = keys
  }

  /// What a document is sorted by. An array counts as its smallest element, in descending order as its largest; an
  /// empty one stands before null, a missing field is null.
  func values(of document: Document) -> [BSONValue] {
    keys.map { key in
      var chosen: BSONValue?
      _ = document.contains(key.path) { found in
        let candidate: BSONValue
        switch found {
        case .value(let value): candidate = value
        case .missing: candidate = .null
        case .wholeArray(.array(let array)) where array.isEmpty: candidate = .undefined
        case .wholeArray: return false
        }
        let better: ValueOrder = key.isAscending ? .before : .after
        if chosen.map({ candidate.order($0) == better }) ?? true { chosen = candidate }
        return false
      }
      return chosen ?? .null
    }
  }

  /// Compares two documents by what `values` gave for them.
  func order(_ left: [BSONValue], _ right: [BSONValue]) -> ValueOrder {
    for (place, key) in keys.enumerated() {
      let found = left[place].order(right[place])
      if found != .same { return key.isAscending ? found : found.reversed }
    }
    return .same
  }
}
