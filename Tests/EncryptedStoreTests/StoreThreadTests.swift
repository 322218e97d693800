// SPDX-License-Identifier: GPL-3.0-or-later
import EncryptedStore
import Foundation
import Testing

/// An actor as replication has them: a session on a thread of its own.
private actor Worker {
  private let thread: StoreThread
  private let session: Session
  private var jobs = 0

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init(_ store: Store, _ thread: StoreThread) throws {
    self.thread = thread
    session = try store.openSession()
  }

  func put(_ row: Int) throws {
    thread.checkIsolated()
    jobs += 1
    try session.put("t", Session.key(row), [1])
  }

  func count() -> Int { jobs }

  func close() { session.close() }

  func threadName() -> String { (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? "" }
}

@Suite("A store thread runs its actor's jobs alone")
struct StoreThreadTests {
  @Test("runs every job on its thread, one after the other")
  func isolation() async throws {
    let folder = try TemporaryFolder()
    let store = try Store.create(at: folder("s"), options: .test())
    try store.withSession { try $0.createTable("t") }
    let thread = try StoreThread(name: "store writer with a long name")
    let worker = try Worker(store, thread)
    #expect(!thread.isCurrent)
    await withThrowingTaskGroup(of: Void.self) { group in
      for row in 0..<200 { group.addTask { try await worker.put(row) } }
    }
    #expect(await worker.count() == 200)
    #expect(await worker.threadName() == "store writer wi\n")
    thread.stop()
    // A job after the end runs as well.
    #expect(await worker.count() == 200)
    await worker.close()
    await Self.join(thread)
    try store.close()
  }

  @Test("ends when it is told to, with an empty queue", arguments: 0..<20)
  func ending(round: Int) async throws {
    let thread = try StoreThread(name: "round\(round)")
    thread.stop()
    thread.stop()
    await Self.join(thread)
    await Self.join(thread)
  }

  @concurrent private static func join(_ thread: StoreThread) async { thread.join() }
}
