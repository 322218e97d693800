// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger

/// A WiredTiger session and the store that must outlive it. Cursors hold it, so that they can tell that it is closed.
@safe final class SessionHandle {
  let store: Store
  private var pointer: UnsafeMutablePointer<WT_SESSION>?
  /// Counts rollbacks: they take every cursor's position away.
  var rollbacks = 0

  init(_ connection: Connection, store: Store, configuration: String?, doing: String) throws(StoreError) {
    var opened: UnsafeMutablePointer<WT_SESSION>?
    let result = unsafe connection.pointer.pointee.open_session(connection.pointer, nil, configuration, &opened)
    guard result == 0, let opened = unsafe opened else { throw store.monitor.failure(result, doing: doing) }
    self.store = store
    unsafe pointer = unsafe opened
  }

  deinit { close() }

  var isOpen: Bool { unsafe pointer != nil }

  /// The session; throws `closed`.
  func live(_ doing: @autoclosure () -> String) throws(StoreError) -> UnsafeMutablePointer<WT_SESSION> {
    guard let pointer = unsafe pointer else { throw Store.closed(doing()) }
    return unsafe pointer
  }

  /// Closes the session and, with it, its cursors; an open transaction is rolled back.
  func close() {
    guard let pointer = unsafe pointer.take() else { return }
    // It fails only after a panic, and then the connection's close releases the session.
    _ = unsafe pointer.pointee.close(pointer, nil)
    store.sessionDidClose()
  }

  /// Throws the error of a WiredTiger result that is not 0.
  func check(
    _ result: Int32, _ doing: @autoclosure () -> String, table: String? = nil
  ) throws(StoreError) {
    if result == 0 { return }
    throw store.monitor.failure(result, doing: doing(), file: table.map(Configuration.file(of:)))
  }
}
