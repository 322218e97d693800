// SPDX-License-Identifier: GPL-3.0-or-later
import DocumentServer
import Synchronization

/// An engine that keeps everything in memory and can play any role.
final class InMemoryEngine: DocumentEngine {
  private let store = Mutex(MemoryStore())
  private let view: Mutex<ReplicaSetView>
  private let engineState = Mutex(EngineState.serving)
  private let changes = Mutex(UInt64(0))
  private let failure = Mutex<(code: EngineError.Code, after: Int)?>(nil)
  private let writes = Mutex(0)
  private let rows = Mutex(Int.max)
  private let held = Mutex<[CheckedContinuation<Void, Never>]?>(nil)
  private let observer = Mutex<(@Sendable () -> Void)?>(nil)

  init(me: String = "127.0.0.1:27117", hosts: [String]? = nil) {
    view = Mutex(
      ReplicaSetView(
        setName: "rs", setVersion: 1, me: me, hosts: hosts ?? [me], primary: me, isWritablePrimary: true,
        isSecondary: false, electionID: 3, lastWriteMilliseconds: 1000))
  }

  /// Number of write transactions that were committed.
  var writeCount: Int { writes.withLock { $0 } }

  func change(_ body: (inout ReplicaSetView) -> Void) {
    view.withLock { body(&$0) }
    observer.withLock { $0 }?()
  }

  /// Lets a write transaction be spent after so many documents.
  func spendWrites(after count: Int) { rows.withLock { $0 = count } }

  func become(_ state: EngineState) {
    engineState.withLock { $0 = state }
    changes.withLock { $0 += 1 }
    observer.withLock { $0 }?()
  }

  func onViewChange(_ body: @Sendable @escaping () -> Void) { observer.withLock { $0 = body } }

  /// Lets a write fail once, after so many that succeed.
  func failWrite(_ code: EngineError.Code, after count: Int = 0) { failure.withLock { $0 = (code, count) } }

  func replicaSetView() -> ReplicaSetView { view.withLock { $0 } }

  func state() -> EngineState { engineState.withLock { $0 } }

  /// As if every transaction concerned the users, and every opening and close.
  func systemVersion() -> UInt64 { changes.withLock { $0 } << 40 &+ UInt64(writeCount) }

  private func requireOpen() throws {
    if case .unavailable(let reason) = state() { throw EngineError(.unavailable, reason) }
  }

  func read<R: Sendable>(_ body: @Sendable @escaping (any ReadTransaction) throws -> R) async throws -> R {
    try requireOpen()
    return try body(MemoryTransaction(store.withLock { $0 }))
  }

  func write<R: Sendable>(_ body: @Sendable @escaping (any WriteTransaction) throws -> R) async throws -> R {
    try requireOpen()
    if let code = dueFailure() { throw EngineError(code, "as the test wants it") }
    let result = try store.withLock { store in
      let transaction = MemoryTransaction(store)
      transaction.rowsLeft = rows.withLock { $0 }
      let result = try body(transaction)
      store = transaction.store
      writes.withLock { $0 += 1 }
      return result
    }
    await acknowledge()
    return result
  }

  /// Lets no write be acknowledged from here on.
  func holdAcknowledgements() { held.withLock { $0 = [] } }

  /// Acknowledges what was held, and all that follows.
  func releaseAcknowledgements() {
    for continuation in held.withLock({ $0.take() }) ?? [] { continuation.resume() }
  }

  private func acknowledge() async {
    await withCheckedContinuation { continuation in
      let isHeld = held.withLock { held in
        held?.append(continuation)
        return held != nil
      }
      if !isHeld { continuation.resume() }
    }
  }

  private func dueFailure() -> EngineError.Code? {
    failure.withLock { failure in
      guard let due = failure else { return nil }
      failure = due.after > 0 ? (due.code, due.after - 1) : nil
      return due.after > 0 ? nil : due.code
    }
  }
}

struct MemoryStore: Sendable {
  struct Collection: Sendable {
    let handle: CollectionHandle
    var keys: [[UInt8]] = []
    var documents: [[UInt8]: [UInt8]] = [:]

    /// The place of the first key that is not less.
    func place(of key: [UInt8]) -> Int {
      var (low, high) = (0, keys.count)
      while low < high {
        let middle = (low + high) / 2
        if keys[middle].lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  var collections: [Namespace: Collection] = [:]
  var created = 0
}

final class MemoryTransaction: WriteTransaction {
  private(set) var store: MemoryStore
  /// How many documents may be visited before the transaction is spent.
  var rowsLeft = Int.max

  init(_ store: MemoryStore) { self.store = store }

  var isSpent: Bool { rowsLeft <= 0 }

  func collection(_ namespace: Namespace) throws -> CollectionHandle? { store.collections[namespace]?.handle }

  func document(_ collection: CollectionHandle, key: [UInt8]) throws -> [UInt8]? { try find(collection).documents[key] }

  func scan(
    _ collection: CollectionHandle, after: [UInt8]?, _ body: (_ key: [UInt8], _ document: [UInt8]) throws -> Bool
  ) throws {
    let found = try find(collection)
    var place = after.map { found.place(of: $0) } ?? 0
    if place < found.keys.count, found.keys[place] == after { place += 1 }
    while place < found.keys.count {
      let key = found.keys[place]
      rowsLeft -= 1
      guard try body(key, found.documents[key] ?? []) else { return }
      place += 1
    }
  }

  func forEachKey(_ collection: CollectionHandle, _ body: () throws -> Bool) throws {
    for _ in try find(collection).keys { guard try body() else { return } }
  }

  func databases() throws -> [DatabaseSummary] {
    Set(store.collections.keys.map(\.database)).sorted().map { .init(name: $0, sizeOnDisk: 4096, isEmpty: false) }
  }

  func collections(in database: String) throws -> [CollectionHandle] {
    store.collections.values.map(\.handle).filter { $0.namespace.database == database }
      .sorted { $0.namespace.collection < $1.namespace.collection }
  }

  func createCollection(_ namespace: Namespace) throws -> CollectionHandle {
    store.created += 1
    let digits = String(store.created)
    let uuid = "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    let handle = CollectionHandle(uuid: uuid, namespace: namespace)
    store.collections[namespace] = .init(handle: handle)
    return handle
  }

  func dropCollection(_ collection: CollectionHandle) throws { store.collections[collection.namespace] = nil }

  func dropDatabase(_ database: String) throws {
    store.collections = store.collections.filter { $0.key.database != database }
  }

  func put(_ collection: CollectionHandle, key: [UInt8], document: [UInt8]) throws {
    var found = try find(collection)
    store.collections[collection.namespace] = nil
    if found.documents.updateValue(document, forKey: key) == nil { found.keys.insert(key, at: found.place(of: key)) }
    store.collections[collection.namespace] = found
  }

  func remove(_ collection: CollectionHandle, key: [UInt8]) throws {
    var found = try find(collection)
    store.collections[collection.namespace] = nil
    if found.documents.removeValue(forKey: key) != nil { found.keys.remove(at: found.place(of: key)) }
    store.collections[collection.namespace] = found
  }

  private func find(_ collection: CollectionHandle) throws -> MemoryStore.Collection {
    guard let found = store.collections[collection.namespace], found.handle == collection else {
      throw EngineError(.storage, "no collection \(collection.namespace)")
    }
    return found
  }
}
