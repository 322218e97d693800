// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// Collects the results of a sorted query, within a limit of memory; with a `limit` only as many as will be returned.
struct Sorter {
  /// The most memory one sort may take, in bytes, as in MongoDB before it goes to disk.
  static let maximumMemory = 32 * 1024 * 1024
  /// What an entry costs beside its document: keys, array headers.
  private static let overheadPerEntry = 128

  /// More than any memory holds, and small enough to count with.
  private static let largestWanted = 1 << 40

  private struct Entry {
    let values: [BSONValue]
    let sequence: Int
    let document: Document
    let cost: Int
  }

  private let order: SortOrder
  private let wanted: Int?
  private let maximumMemory: Int
  private var entries: [Entry] = []
  private var memory = 0
  private var sequence = 0

  init(order: SortOrder, wanted: Int?, maximumMemory: Int = Sorter.maximumMemory) {
    self.order = order
    self.wanted = wanted.map { min($0, Sorter.largestWanted) }
    self.maximumMemory = maximumMemory
  }

  /// Adds a match and what is to be returned of it. Throws error 292 when the limit of memory is passed.
  mutating func add(_ document: Document, returning result: Document) throws(CommandError) {
    let values = order.values(of: document)
    // Values share the document's bytes: a result that was projected still keeps the original alive.
    let cost = document.size + (result.size == document.size ? 0 : result.size) + Sorter.overheadPerEntry
    entries.append(Entry(values: values, sequence: sequence, document: result, cost: cost))
    sequence += 1
    memory += cost
    if let wanted, entries.count >= 2 * max(wanted, 1) || memory > maximumMemory { prune(to: wanted) }
    if memory > maximumMemory {
      throw CommandError(
        .memoryLimit,
        "the sort needs more than \(maximumMemory) bytes of memory; sorting on disk is not supported: "
          + "narrow the query or give a limit")
    }
  }

  private mutating func prune(to count: Int) {
    sort()
    guard entries.count > count else { return }
    for entry in entries[count...] { memory -= entry.cost }
    entries.removeLast(entries.count - count)
  }

  private mutating func sort() {
    let order = order
    entries.sort { left, right in
      switch order.order(left.values, right.values) {
      case .before: true
      case .after: false
      case .same: left.sequence < right.sequence
      }
    }
  }

  /// The results in order, at most as many as wanted.
  mutating func finish() -> [Document] {
    sort()
    return entries.prefix(wanted ?? .max).map(\.document)
  }
}
