// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger
internal import Glibc

/// An open WiredTiger connection with its callbacks; dies after all its sessions.
// tidy:allow unchecked-sendable WT_CONNECTION may be used by any thread; `close` is called once, under the store's lock
@safe final class Connection: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<WT_CONNECTION>
  private let environment: OpaquePointer
  // Callbacks find the monitor by its address: it must live as long as the environment.
  private let monitor: StoreMonitor

  /// Opens a connection; runs recovery.
  init(home: String, configuration: String, monitor: StoreMonitor) throws(StoreError) {
    let doing = "opening the store \(home)"
    guard let environment = unsafe keyfold_environment_create(Self.callbacks(of: monitor)) else {
      throw StoreError.system(ENOMEM, doing: doing)
    }
    var opened: UnsafeMutablePointer<WT_CONNECTION>?
    let result = unsafe keyfold_open(environment, home, configuration, &opened)
    guard result == 0, let opened = unsafe opened else {
      unsafe keyfold_environment_destroy(environment)
      throw monitor.failure(result, doing: doing)
    }
    unsafe self.pointer = unsafe opened
    unsafe self.environment = unsafe environment
    self.monitor = monitor
  }

  /// Closes the connection, with a checkpoint. Nothing may be called afterwards, whatever it returns.
  func close() -> Int32 {
    let result = unsafe pointer.pointee.close(pointer, nil)
    unsafe keyfold_environment_destroy(environment)
    return result
  }

  private static func callbacks(of monitor: StoreMonitor) -> keyfold_callbacks {
    unsafe keyfold_callbacks(
      context: Unmanaged.passUnretained(monitor).toOpaque(),
      expansion: PageKey.expansion,
      find_key: { context, text, length, key in
        let monitor = unsafe Unmanaged<StoreMonitor>.fromOpaque(context).takeUnretainedValue()
        let keyID = unsafe String(decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
        guard let found = monitor.findKey(keyID) else { return ENOKEY }
        unsafe key.pointee = unsafe Unmanaged.passRetained(found).toOpaque()
        return 0
      },
      seal: { key, source, length, target, capacity, written in
        unsafe Unmanaged<PageKey>.fromOpaque(key)._withUnsafeGuaranteedRef { key in
          unsafe key.seal(
            UnsafeRawBufferPointer(start: source, count: length),
            into: UnsafeMutableRawBufferPointer(start: target, count: capacity), written: &written.pointee)
        }
      },
      open: { key, source, length, target, capacity, written in
        unsafe Unmanaged<PageKey>.fromOpaque(key)._withUnsafeGuaranteedRef { key in
          unsafe key.open(
            UnsafeRawBufferPointer(start: source, count: length),
            into: UnsafeMutableRawBufferPointer(start: target, count: capacity), written: &written.pointee)
        }
      },
      release_key: { key in unsafe Unmanaged<PageKey>.fromOpaque(key).release() },
      event: { context, isError, error, message in
        let monitor = unsafe Unmanaged<StoreMonitor>.fromOpaque(context).takeUnretainedValue()
        unsafe monitor.onMessage(String(cString: message), isError: isError != 0, error: error)
      })
  }
}
