// SPDX-License-Identifier: GPL-3.0-or-later
internal import EncryptedStore

/// Runs what blocks on the disk for long (opening a store, destroying a generation) on a thread of its own, one thing
/// after the other: away from the cooperative pool, and from the shell, which has to go on reporting meanwhile.
actor Workshop {
  private nonisolated let thread: StoreThread

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe thread.asUnownedSerialExecutor() }

  init() throws(StoreError) { thread = try StoreThread(name: "workshop") }

  func run<R: Sendable>(_ body: @Sendable () throws -> R) throws -> R { try body() }
}
