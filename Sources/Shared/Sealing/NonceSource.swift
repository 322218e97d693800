// SPDX-License-Identifier: GPL-3.0-or-later
internal import CCrypto

/// Random 96-bit nonces for one `KeyWrapping`, many per draw: a draw of its own costs more than wrapping a key.
final class NonceSource {
  private static let noncesPerDraw = 64
  private var drawn: [UInt8] = []
  private var used = 0

  /// Writes a nonce that was never given before. Throws `library` if the system has no random numbers.
  func write(to nonce: UnsafeMutablePointer<UInt8>) throws(SealingError) {
    if used == drawn.count {
      var fresh = [UInt8](repeating: 0, count: WrappedKey.nonceBytes * Self.noncesPerDraw)
      guard unsafe RAND_bytes(&fresh, Int32(fresh.count)) == 1 else {
        ERR_clear_error()
        throw SealingError(.library, "OpenSSL has no random numbers")
      }
      (drawn, used) = (fresh, 0)
    }
    for offset in 0..<WrappedKey.nonceBytes { unsafe nonce[offset] = drawn[used + offset] }
    used += WrappedKey.nonceBytes
  }
}
