// SPDX-License-Identifier: GPL-3.0-or-later
public import Secrets

extension PageCipher {
  /// Seals an array; see `seal(_:authenticating:into:)`.
  public func seal(_ plaintext: [UInt8], authenticating associated: [UInt8] = []) throws(SealingError) -> [UInt8] {
    try unsafe plaintext.span.bytes.sealed(by: self, authenticating: associated, nonce: nil)
  }

  /// Opens an array; see `open(_:authenticating:into:)`.
  public func open(_ sealed: [UInt8], authenticating associated: [UInt8] = []) throws(SealingError) -> [UInt8] {
    var failure: SealingError?
    let room = max(0, sealed.count - Self.overhead)
    let plaintext = unsafe [UInt8](unsafeUninitializedCapacity: room) { (buffer, filled) in
      let target = unsafe UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: room)
      do throws(SealingError) {
        filled = try unsafe associated.span.bytes.withUnsafeBytes { (associated) throws(SealingError) in
          try unsafe sealed.span.bytes.withUnsafeBytes { (sealed) throws(SealingError) in
            try unsafe self.open(sealed, authenticating: associated, into: target)
          }
        }
      } catch { failure = error }
    }
    if let failure { throw failure }
    return plaintext
  }

  /// Seals a secret; see `seal(_:authenticating:into:)`.
  public func seal(
    _ secret: borrowing SecretBytes, authenticating associated: [UInt8]
  ) throws(SealingError) -> [UInt8] {
    try secret.withBytes { (bytes) throws(SealingError) in
      try bytes.sealed(by: self, authenticating: associated, nonce: nil)
    }
  }

  /// Opens into the secure heap, without a copy of the plaintext anywhere else.
  public func openSecret(
    _ sealed: [UInt8], authenticating associated: [UInt8]
  ) throws(SealingError) -> SecretBytes {
    try unsafe SecretBytes.filled(capacity: max(0, sealed.count - Self.overhead)) { (target) throws(SealingError) in
      try unsafe associated.span.bytes.withUnsafeBytes { (associated) throws(SealingError) in
        try unsafe sealed.span.bytes.withUnsafeBytes { (sealed) throws(SealingError) in
          try unsafe self.open(sealed, authenticating: associated, into: target)
        }
      }
    }
  }

  /// Seals with a given nonce, for published vectors only.
  package func seal(
    _ plaintext: [UInt8], authenticating associated: [UInt8], nonce: [UInt8]
  ) throws(SealingError) -> [UInt8] {
    try unsafe plaintext.span.bytes.sealed(by: self, authenticating: associated, nonce: nonce)
  }
}

extension RawSpan {
  /// These bytes sealed into an array.
  fileprivate func sealed(
    by cipher: PageCipher, authenticating associated: [UInt8], nonce: [UInt8]?
  ) throws(SealingError) -> [UInt8] {
    var failure: SealingError?
    let sealed = unsafe [UInt8](unsafeUninitializedCapacity: byteCount + PageCipher.overhead) { (buffer, filled) in
      do throws(SealingError) {
        filled = try unsafe seal(into: UnsafeMutableRawBufferPointer(buffer), cipher, associated, nonce)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return sealed
  }

  private func seal(
    into target: UnsafeMutableRawBufferPointer, _ cipher: PageCipher, _ associated: [UInt8], _ nonce: [UInt8]?
  ) throws(SealingError) -> Int {
    try unsafe associated.span.bytes.withUnsafeBytes { (associated) throws(SealingError) in
      try unsafe withUnsafeBytes { (plaintext) throws(SealingError) in
        guard let nonce else { return try unsafe cipher.seal(plaintext, authenticating: associated, into: target) }
        return try unsafe nonce.span.bytes.withUnsafeBytes { (nonce) throws(SealingError) in
          try unsafe cipher.seal(plaintext, authenticating: associated, nonce: nonce, into: target)
        }
      }
    }
  }
}
