// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import EncryptedStore
internal import Synchronization

/// A few threads that read committed data, so that a slow query neither holds up writes nor Raft.
public final class ReaderPool: Sendable {
  /// How many threads read.
  public static let threads = 2

  /// The readers; nil once the pool is closed.
  private let readers: Mutex<[Reader]?>
  private let next = Atomic<UInt>(0)
  private let onDamage: @Sendable (MemberError) -> Void

  init(
    _ generation: OpenGeneration, onDamage: @Sendable @escaping (MemberError) -> Void
  ) async throws(MemberError) {
    self.onDamage = onDamage
    readers = Mutex(try await Self.makeReaders(generation))
  }

  /// Runs `body` against one snapshot of committed data. Throws what `body` throws, or `MemberError`.
  public func read<R: Sendable>(_ body: @Sendable @escaping (ReadView) throws -> R) async throws -> R {
    let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
    while true {
      guard let readers = readers.withLock({ $0 }), !readers.isEmpty else {
        throw MemberError(.closed, "the node is closing")
      }
      // A reader that was retired before its turn came has run nothing.
      do { return try await readers[Int(turn % UInt(readers.count))].read(body) } catch is RetiredReader {
        continue
      } catch {
        let carried = MemberError.carrying(error)
        // What a driver's read finds damaged concerns the whole node, not only that driver.
        if carried.code == .damaged { onDamage(carried) }
        throw error
      }
    }
  }

  /// Goes over to another generation: reads that come later see only that one. Those under way go on; the answer waits
  /// for them and lets go of the old generation.
  func rebind(to generation: OpenGeneration) async throws(MemberError) -> RetiredReaders {
    let fresh = try await Self.makeReaders(generation)
    let old = readers.withLock { readers -> [Reader]? in
      guard readers != nil else { return nil }
      return exchange(&readers, with: fresh)
    }
    guard let old else {
      for reader in fresh { await reader.close() }
      throw MemberError(.closed, "the node is closing")
    }
    return RetiredReaders(old)
  }

  /// Lets go of collections that are gone, so that their tables can be dropped.
  func release(_ collections: [CollectionID]) async {
    for reader in readers.withLock({ $0 }) ?? [] { await reader.release(collections) }
  }

  func close() async { for reader in readers.withLock({ $0.take() }) ?? [] { await reader.close() } }

  private static func makeReaders(_ generation: OpenGeneration) async throws(MemberError) -> [Reader] {
    var made: [Reader] = []
    do throws(MemberError) {
      for number in 0..<Self.threads { made.append(try await Reader(generation, name: "reader-\(number)")) }
    } catch {
      for reader in made { await reader.close() }
      throw error
    }
    return made
  }
}

/// Readers of a generation that is live no more.
struct RetiredReaders: Sendable {
  private let readers: [Reader]

  fileprivate init(_ readers: [Reader]) { self.readers = readers }

  func close() async { for reader in readers { await reader.close() } }
}

/// A read came to a reader that was closed meanwhile.
private struct RetiredReader: Error {}

/// One reading thread with its sessions.
private actor Reader {
  nonisolated let thread: StoreThread
  private var tables: MemberTables?

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ generation: OpenGeneration, name: String) async throws(MemberError) {
    let tables = try MemberTables(generation)
    do { thread = try StoreThread(name: name) } catch { throw MemberError(error) }
    self.tables = tables
  }

  func read<R>(_ body: (ReadView) throws -> R) throws -> R {
    guard let tables else { throw RetiredReader() }
    try tables.storing { try tables.data.begin() }
    defer { try? tables.data.rollback() }
    tables.knownCollections = []
    return try body(ReadView(tables))
  }

  func release(_ collections: [CollectionID]) {
    for id in collections { tables?.data.releaseCursors(of: MemberTables.table(of: id)) }
  }

  func close() {
    tables?.close()
    tables = nil
    thread.stop()
  }
}
