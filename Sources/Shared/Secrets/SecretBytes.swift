// SPDX-License-Identifier: GPL-3.0-or-later
internal import CCrypto

/// Secret bytes with one owner: in the secure heap, wiped when the owner lets go, lent but never printed or copied.
///
/// Deliberately not `Copyable`, `Codable`, `Equatable` or `CustomStringConvertible`.
@safe public struct SecretBytes: ~Copyable {
  private let base: UnsafeMutableRawPointer
  private let capacity: Int
  /// How many bytes the secret has.
  public let count: Int

  /// Makes a secret of at most `capacity` bytes; it has as many as `fill` appends.
  ///
  /// Throws what `fill` throws, and `heapExhausted`; whatever was filled in is wiped then.
  public init(capacity: Int, fill: (inout OutputRawSpan) throws(SecretsError) -> Void) throws(SecretsError) {
    let memory = try unsafe SecureHeap.allocate(capacity)
    let buffer = unsafe UnsafeMutableRawBufferPointer(start: memory, count: capacity)
    let filled: Int
    do {
      var span = unsafe OutputRawSpan(buffer: buffer, initializedCount: 0)
      try fill(&span)
      filled = unsafe span.finalize(for: buffer)
    } catch {
      unsafe SecureHeap.release(memory, capacity)
      throw error
    }
    unsafe self.base = memory
    self.capacity = capacity
    self.count = filled
  }

  /// Copies bytes; wiping the original is the caller's duty (`SecretBytes.wipe`).
  public init(copying bytes: [UInt8]) throws(SecretsError) {
    try self.init(capacity: bytes.count) { (span) throws(SecretsError) in
      for byte in bytes { span.append(byte) }
    }
  }

  /// Copies borrowed bytes.
  public init(copying bytes: RawSpan) throws(SecretsError) {
    try self.init(capacity: bytes.byteCount) { (span) throws(SecretsError) in
      unsafe bytes.withUnsafeBytes { source in
        unsafe span.withUnsafeMutableBytes { (target, filled) in
          unsafe target.copyMemory(from: source)
          filled = source.count
        }
      }
    }
  }

  /// Fresh random bytes from OpenSSL's generator for private values (RAND_priv_bytes(3)).
  public static func random(count: Int) throws(SecretsError) -> SecretBytes {
    try SecretBytes(capacity: count) { (span) throws(SecretsError) in
      let drawn = unsafe span.withUnsafeMutableBytes { (target, filled) in
        filled = target.count
        return unsafe RAND_priv_bytes(target.baseAddress?.assumingMemoryBound(to: UInt8.self), Int32(clamping: count))
      }
      guard drawn == 1 else {
        throw SecretsError(.randomnessUnavailable, "the system has no random numbers to give")
      }
    }
  }

  deinit { unsafe SecureHeap.release(base, capacity) }

  /// Lends the bytes for the length of `body`.
  public borrowing func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(unsafe UnsafeRawBufferPointer(start: base, count: count).bytes)
  }

  /// Whether both secrets have the same bytes; takes the same time wherever they differ.
  public borrowing func isEqual(to other: borrowing SecretBytes) -> Bool {
    unsafe count == other.count && CRYPTO_memcmp(base, other.base, count) == 0
  }

  /// A second owner's own copy.
  public borrowing func duplicate() throws(SecretsError) -> SecretBytes {
    try withBytes { (bytes) throws(SecretsError) in try SecretBytes(copying: bytes) }
  }

  /// A copy outside the secure heap, only for libraries that take nothing else; wipe it after use.
  public borrowing func unprotectedCopy() -> [UInt8] {
    unsafe Array(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Overwrites and empties bytes that held a secret outside the secure heap.
  ///
  /// Reaches the given array only: copies somebody else still holds are beyond it.
  public static func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { unsafe OPENSSL_cleanse($0.baseAddress, $0.count) }
    bytes.removeAll()
  }
}

// tidy:allow unchecked-sendable the memory has one owner and is never written after init
extension SecretBytes: @unchecked Sendable {}
