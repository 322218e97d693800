// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc
internal import Sealing

/// One key as WiredTiger's encryptor uses it.
///
/// A sealed block is a header of four bytes, then what `PageCipher` writes (nonce, ciphertext, tag). The associated
/// data is the header and the key id, so that a block of one key's table is never taken for another's.
// tidy:allow unchecked-sendable the pointed-at bytes are written in `init` only
@safe final class PageKey: @unchecked Sendable {
  /// Version 1, XAES-256-GCM, two bytes zero.
  static let header: [UInt8] = [1, 1, 0, 0]
  /// Bytes that sealing adds to a block.
  static let expansion = header.count + PageCipher.overhead

  private let cipher: PageCipher
  private let associatedData: UnsafeMutableRawBufferPointer

  init(_ cipher: PageCipher, keyID: String) {
    self.cipher = cipher
    let bytes = Self.header + keyID.utf8
    unsafe associatedData = .allocate(byteCount: bytes.count, alignment: 1)
    unsafe associatedData.copyBytes(from: bytes)
  }

  deinit { unsafe associatedData.deallocate() }

  /// Seals a block; returns an errno value. `target` has at least `expansion` bytes more than the source.
  func seal(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, written: inout Int) -> Int32 {
    let length = source.count + Self.expansion
    guard target.count >= length else { return ENOBUFS }
    unsafe target.copyBytes(from: Self.header)
    let sealed = unsafe UnsafeMutableRawBufferPointer(rebasing: target[Self.header.count..<length])
    do throws(SealingError) {
      let data = unsafe UnsafeRawBufferPointer(associatedData)
      written = try unsafe Self.header.count + cipher.seal(source, authenticating: data, into: sealed)
    } catch {
      return Self.number(of: error)
    }
    return 0
  }

  /// Opens a block; returns an errno value: EBADMSG if it does not open under this key.
  func open(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, written: inout Int) -> Int32 {
    guard source.count >= Self.expansion, unsafe source.starts(with: Self.header) else { return EBADMSG }
    let sealed = unsafe UnsafeRawBufferPointer(rebasing: source[Self.header.count...])
    guard target.count >= source.count - Self.expansion else { return ENOBUFS }
    do throws(SealingError) {
      let data = unsafe UnsafeRawBufferPointer(associatedData)
      written = try unsafe cipher.open(sealed, authenticating: data, into: target)
    } catch {
      return Self.number(of: error)
    }
    return 0
  }

  /// WiredTiger passes a callback's errno value on to whoever made the call.
  private static func number(of error: SealingError) -> Int32 {
    switch error.code {
    case .forged: EBADMSG
    case .revoked: ENOKEY
    case .secrets: ENOMEM
    default: EIO
    }
  }
}
