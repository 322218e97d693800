// SPDX-License-Identifier: GPL-3.0-or-later
internal import CZeroMQ

/// The payload of an operator's message, which may carry a secret: one copy, overwritten when its last owner lets go.
@safe public final class WipedBytes {
  private let memory: UnsafeMutableRawBufferPointer

  /// Copies the bytes.
  init(copying bytes: UnsafeRawBufferPointer) {
    unsafe memory = .allocate(byteCount: bytes.count, alignment: 1)
    unsafe memory.copyMemory(from: bytes)
  }

  deinit {
    unsafe kf_wipe(memory.baseAddress, memory.count)
    unsafe memory.deallocate()
  }

  /// How many bytes there are.
  public var count: Int { unsafe memory.count }

  /// Lends the bytes for the length of `body`; throws what it throws.
  public func withBytes<Result, Failure: Error>(_ body: (RawSpan) throws(Failure) -> Result) throws(Failure) -> Result {
    try body(unsafe UnsafeRawBufferPointer(memory).bytes)
  }
}

// tidy:allow unchecked-sendable the memory has one owner and is never written between init and deinit
extension WipedBytes: @unchecked Sendable {}
