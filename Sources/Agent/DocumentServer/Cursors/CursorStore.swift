// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents
internal import Synchronization

/// What a cursor goes on with.
enum CursorContent: Sendable {
  /// An unsorted query: it remembers where it was and looks again; no snapshot is held between two batches.
  case scan(ScanCursor)
  /// Results that were computed at once.
  case results(KeptResults)

  /// Bytes the cursor keeps.
  var memory: Int {
    switch self {
    case .scan(let cursor): cursor.memory
    case .results(let results): results.memory
    }
  }
}

/// The cursors of this node; they end with the node, after ten idle minutes, or when the client kills them.
final class CursorStore: Sendable {
  /// How many cursors there may be, how long they may idle and what they may keep.
  struct Limits: Sendable {
    var maximumCursors = 1_000
    var idleTime: Duration = .seconds(600)
    /// Bytes of all sorted results and queries together.
    var maximumMemory = 256 * 1024 * 1024
  }

  private struct Entry {
    let namespace: String
    /// Nil while a getMore is at work with it.
    var content: CursorContent?
    var memory: Int
    var lastUse: ContinuousClock.Instant

    /// By bytes, as rights are.
    func isOf(_ other: String) -> Bool { namespace.utf8.elementsEqual(other.utf8) }
  }

  private struct State {
    var entries: [Int64: Entry] = [:]
    var memory = 0

    mutating func remove(_ id: Int64) -> Bool {
      guard let entry = entries.removeValue(forKey: id) else { return false }
      memory -= entry.memory
      return true
    }
  }

  private let limits: Limits
  private let now: @Sendable () -> ContinuousClock.Instant
  private let state = Mutex(State())

  init(limits: Limits = Limits(), now: @escaping @Sendable () -> ContinuousClock.Instant = { ContinuousClock.now }) {
    self.limits = limits
    self.now = now
  }

  /// Keeps a cursor and names it. Throws a `CommandError` if there are too many.
  func open(_ content: CursorContent, namespace: String) throws(CommandError) -> Int64 {
    let memory = content.memory
    let (limits, now) = (limits, now())
    return try state.withLock { (state) throws(CommandError) in
      guard state.entries.count < limits.maximumCursors else {
        throw CommandError(.lockTimeout, "\(limits.maximumCursors) cursors are open on this node; close some first")
      }
      guard state.memory + memory <= limits.maximumMemory else {
        throw CommandError(
          .memoryLimit, "what open cursors keep takes \(limits.maximumMemory) bytes on this node")
      }
      var id = Int64.random(in: 1...Int64.max)
      while state.entries[id] != nil { id = Int64.random(in: 1...Int64.max) }
      state.entries[id] = Entry(namespace: namespace, content: content, memory: memory, lastUse: now)
      state.memory += memory
      return id
    }
  }

  /// Lends a cursor's content to one getMore.
  func checkOut(_ id: Int64, namespace: String) throws(CommandError) -> CursorContent {
    try state.withLock { (state) throws(CommandError) in
      guard let entry = state.entries[id] else { throw CommandError(.cursorNotFound, "cursor id \(id) not found") }
      guard entry.isOf(namespace) else {
        throw CommandError(.unauthorized, "cursor id \(id) belongs to another collection than \(namespace)")
      }
      guard let content = entry.content else { throw CommandError(.cursorInUse, "cursor id \(id) is already in use") }
      state.entries[id]?.content = nil
      return content
    }
  }

  /// Takes a cursor back with what is left of it; it is forgotten if nothing is, or if it was killed meanwhile.
  /// Returns whether it goes on.
  func checkIn(_ id: Int64, _ content: CursorContent?) -> Bool {
    let now = now()
    return state.withLock { state in
      guard let content else {
        _ = state.remove(id)
        return false
      }
      guard let entry = state.entries[id] else { return false }
      let memory = content.memory
      state.memory += memory - entry.memory
      state.entries[id] = Entry(namespace: entry.namespace, content: content, memory: memory, lastUse: now)
      return true
    }
  }

  /// Ends a cursor of a namespace; false if there is none.
  func kill(_ id: Int64, namespace: String) -> Bool {
    state.withLock { state in
      guard let entry = state.entries[id], entry.isOf(namespace) else { return false }
      return state.remove(id)
    }
  }

  /// Forgets cursors that nobody used for too long.
  func reap() {
    let (limits, now) = (limits, now())
    state.withLock { state in
      for (id, entry) in state.entries where entry.content != nil && now - entry.lastUse > limits.idleTime {
        _ = state.remove(id)
      }
    }
  }

  /// What the cursors take, beside their limits.
  var load: CursorLoad {
    state.withLock { state in
      CursorLoad(
        cursors: state.entries.count, cursorLimit: limits.maximumCursors, bytes: state.memory,
        byteLimit: limits.maximumMemory)
    }
  }

  /// How many cursors are open.
  var count: Int { state.withLock { $0.entries.count } }
}
