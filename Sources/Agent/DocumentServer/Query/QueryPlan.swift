// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// How far a query has to look: `_id` is the only index.
struct QueryPlan: Sendable {
  /// The part of the collection that can hold matches.
  enum Access: Sendable, Equatable {
    /// Only the documents under these keys, in order.
    case keys([DocumentKey])
    /// Everything between two keys, both included; nil is the collection's end.
    case range(from: DocumentKey?, through: DocumentKey?)
  }

  let filter: Filter
  let access: Access

  /// Plans a query; an `_id` given by value or bounded at the top level narrows the access.
  init(_ filter: Filter) {
    self.filter = filter
    var access = Access.range(from: nil, through: nil)
    for condition in filter.conjuncts { access = access.narrowed(by: condition) }
    self.access = access
  }

  /// Whether every document matches.
  var matchesEverything: Bool { if case .all(let filters) = filter { filters.isEmpty } else { false } }

  /// Visits the matches after the key `after` in key order, until `body` returns false or `budget` is used up.
  /// Returns whether all were visited.
  func visit(
    _ transaction: any ReadTransaction, _ collection: CollectionHandle, after: [UInt8]?, budget: inout ScanBudget,
    _ body: (_ key: [UInt8], _ document: Document) throws -> Bool
  ) throws -> Bool {
    switch access {
    case .keys(let keys):
      for key in keys where after.map({ $0.lexicographicallyPrecedes(key.bytes) }) ?? true {
        guard let bytes = try transaction.document(collection, key: key.bytes) else {
          guard try budget.use(key.bytes) else { return false }
          continue
        }
        if try !visit(key.bytes, bytes, &budget, body) { return false }
      }
      return true
    case .range(let from, let through):
      var after = after
      // Scans start behind a key: the lower bound itself is looked up first.
      if let from, after.map({ $0.lexicographicallyPrecedes(from.bytes) }) ?? true {
        if let bytes = try transaction.document(collection, key: from.bytes),
          try !visit(from.bytes, bytes, &budget, body)
        {
          return false
        }
        after = from.bytes
      }
      var finished = true
      try transaction.scan(collection, after: after) { key, bytes in
        if let through, through.bytes.lexicographicallyPrecedes(key) { return false }
        finished = try visit(key, bytes, &budget, body)
        return finished
      }
      return finished
    }
  }

  private func visit(
    _ key: [UInt8], _ bytes: [UInt8], _ budget: inout ScanBudget,
    _ body: (_ key: [UInt8], _ document: Document) throws -> Bool
  ) throws -> Bool {
    guard let document = Document(stored: bytes) else {
      throw CommandError(.internalError, "a stored document is damaged")
    }
    let more = try filter.matches(document) ? body(key, document) : true
    return try budget.use(key) && more
  }
}

extension QueryPlan.Access {
  fileprivate func narrowed(by condition: Filter) -> QueryPlan.Access {
    guard case .range(let from, let through) = self else { return self }
    switch condition {
    case .compare(let path, let comparison, let operand) where path == .id:
      guard let key = try? DocumentKey(operand) else { return self }
      switch comparison {
      case .equal: return .keys([key])
      case .greater, .greaterOrEqual: return .range(from: from.map { max($0, key) } ?? key, through: through)
      case .less, .lessOrEqual: return .range(from: from, through: through.map { min($0, key) } ?? key)
      }
    case .oneOf(let path, let set) where path == .id:
      var keys: [DocumentKey] = []
      for value in set.values {
        guard let key = try? DocumentKey(value) else { return self }
        if keys.last != key { keys.append(key) }
      }
      return .keys(keys.sorted())
    default: return self
    }
  }
}

extension Filter {
  /// The conditions that all have to hold.
  fileprivate var conjuncts: [Filter] {
    if case .all(let filters) = self { filters.flatMap(\.conjuncts) } else { [self] }
  }
}

extension FieldPath {
  /// The path `_id`.
  static let id = FieldPath("_id")
}

/// How much one visit of a storage thread may look at.
struct ScanBudget {
  /// Documents that may still be looked at.
  private var remaining: Int
  /// Documents that were looked at.
  private(set) var used = 0
  private let deadline: ContinuousClock.Instant?
  private let life: ConnectionLife?
  private let isSpent: (() -> Bool)?
  /// The clock is asked once in so many documents.
  private static let documentsPerClockCheck = 128
  /// The last key that was looked at.
  private(set) var lastKey: [UInt8]?

  /// `life` is the connection of a read, which ends with it.
  init(documents: Int = .max, deadline: ContinuousClock.Instant? = nil, life: ConnectionLife? = nil) {
    remaining = documents
    self.deadline = deadline
    self.life = life
    isSpent = nil
  }

  /// The budget of a search inside a write: it ends when the transaction's is spent, after one document at least.
  init(documents: Int, in transaction: any WriteTransaction) {
    remaining = documents
    deadline = nil
    life = nil
    isSpent = { transaction.isSpent }
  }

  /// Counts a key that was looked at, whether or not there was a document; false if it was the last one, throws when
  /// the command's time is over or its driver has gone.
  mutating func use(_ key: [UInt8]) throws -> Bool {
    lastKey = key
    return try use()
  }

  /// Counts a document of which only the number matters.
  mutating func use() throws -> Bool {
    remaining -= 1
    used += 1
    if remaining % ScanBudget.documentsPerClockCheck == 0 {
      if let life, life.isOver { throw CommandError(.clientDisconnect, "the driver has gone") }
      if let deadline, ContinuousClock.now >= deadline {
        throw CommandError(.maxTimeExpired, "operation exceeded time limit")
      }
    }
    return remaining > 0 && !(isSpent?() ?? false)
  }
}
