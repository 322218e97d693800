// SPDX-License-Identifier: GPL-3.0-or-later
internal import EncryptedStore
internal import Synchronization

/// A few threads that read committed data, so that a slow query neither holds up writes nor Raft.
public final class ReaderPool: Sendable {
  /// How many threads read.
  public static let threads = 2

  private let readers: [Reader]
  private let next = Atomic<Int>(0)
  private let onDamage: @Sendable (MemberError) -> Void

  init(
    _ generation: OpenGeneration, onDamage: @Sendable @escaping (MemberError) -> Void
  ) async throws(MemberError) {
    self.onDamage = onDamage
    var readers: [Reader] = []
    for number in 0..<Self.threads { readers.append(try await Reader(generation, name: "reader-\(number)")) }
    self.readers = readers
  }

  /// Runs `body` against one snapshot of committed data. Throws what `body` throws, or `MemberError`.
  public func read<R: Sendable>(_ body: @Sendable @escaping (ReadView) throws -> R) async throws -> R {
    let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
    do { return try await readers[abs(turn % Self.threads)].read(body) } catch {
      let carried = MemberError.carrying(error)
      // What a driver's read finds damaged concerns the whole node, not only that driver.
      if carried.code == .damaged { onDamage(carried) }
      throw error
    }
  }

  /// Goes over to another generation; reads that come later see only that one.
  func rebind(to generation: OpenGeneration) async throws(MemberError) {
    for reader in readers { try await reader.rebind(to: generation) }
  }

  func close() async { for reader in readers { await reader.close() } }
}

/// One reading thread with its sessions.
private actor Reader {
  nonisolated let thread: StoreThread
  private var tables: MemberTables?

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ generation: OpenGeneration, name: String) async throws(MemberError) {
    do { thread = try StoreThread(name: name) } catch { throw MemberError(error) }
    tables = try MemberTables(generation)
  }

  func read<R>(_ body: (ReadView) throws -> R) throws -> R {
    guard let tables else { throw MemberError(.closed, "the node is closing") }
    try tables.storing { try tables.data.begin() }
    defer { try? tables.data.rollback() }
    tables.knownCollections = []
    return try body(ReadView(tables))
  }

  func rebind(to generation: OpenGeneration) throws(MemberError) {
    tables?.close()
    tables = nil
    tables = try MemberTables(generation)
  }

  func close() {
    tables?.close()
    tables = nil
    thread.stop()
  }
}

/// The thread that makes checkpoints.
actor Checkpointer {
  nonisolated let thread: StoreThread
  private var session: Session?

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ generation: OpenGeneration) async throws(MemberError) {
    do {
      thread = try StoreThread(name: "checkpoint")
      session = try generation.store.openSession()
    } catch { throw MemberError(error) }
  }

  func checkpoint() throws(MemberError) {
    guard let session else { return }
    do { try session.checkpoint() } catch { throw MemberError(error) }
  }

  func rebind(to generation: OpenGeneration) throws(MemberError) {
    session?.close()
    session = nil
    do { session = try generation.store.openSession() } catch { throw MemberError(error) }
  }

  func close() {
    session?.close()
    session = nil
    thread.stop()
  }
}
