// SPDX-License-Identifier: GPL-3.0-or-later
internal import CCrypto
internal import Secrets

/// One expanded copy of a page key, used by one call at a time; wiped and freed when nobody holds it.
@safe final class PageContext {
  private let context: OpaquePointer

  /// Expands a key of 32 bytes.
  init(key: borrowing SecretBytes) throws(SealingError) {
    let made = unsafe key.withBytes { bytes in
      unsafe bytes.withUnsafeBytes { unsafe kf_page_new($0.baseAddress?.assumingMemoryBound(to: UInt8.self)) }
    }
    guard let made = unsafe made else {
      ERR_clear_error()
      throw SealingError(.library, "OpenSSL can't expand a page key")
    }
    unsafe context = made
  }

  deinit { unsafe kf_page_free(context) }

  /// `nonce` nil: a fresh random one.
  func seal(
    _ plaintext: UnsafeRawBufferPointer, authenticating associated: UnsafeRawBufferPointer,
    nonce: UnsafeRawBufferPointer?, into sealed: UnsafeMutableRawBufferPointer
  ) -> Int {
    let result = unsafe kf_page_seal(
      context, nonce?.baseAddress?.assumingMemoryBound(to: UInt8.self), associated.baseAddress, associated.count,
      plaintext.baseAddress, plaintext.count, sealed.baseAddress?.assumingMemoryBound(to: UInt8.self))
    return Int(result)
  }

  func open(
    _ sealed: UnsafeRawBufferPointer, authenticating associated: UnsafeRawBufferPointer,
    into plaintext: UnsafeMutableRawBufferPointer
  ) -> Int {
    let result = unsafe kf_page_open(
      context, associated.baseAddress, associated.count, sealed.baseAddress?.assumingMemoryBound(to: UInt8.self),
      sealed.count, plaintext.baseAddress?.assumingMemoryBound(to: UInt8.self))
    return Int(result)
  }
}

// tidy:allow unchecked-sendable PageCipher's pool lends a context to one call at a time
extension PageContext: @unchecked Sendable {}
