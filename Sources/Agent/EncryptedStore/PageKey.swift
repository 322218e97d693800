// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc
internal import Sealing

/// One key as WiredTiger's encryptor uses it.
///
/// A sealed block is a header of four bytes, then what `PageCipher` writes (nonce, ciphertext, tag). The associated
/// data is the header and the key id, so that a block of one key's table is never taken for another's.
// tidy:allow unchecked-sendable the pointed-at bytes are written in `init` only
@safe final class PageKey: @unchecked Sendable {
  /// Version 1, XAES-256-GCM, two bytes zero; a number, as comparing and copying arrays would ask for memory.
  static let header = UInt32(bigEndian: 0x0101_0000)
  static let headerBytes = 4
  /// Bytes that sealing adds to a block.
  static let expansion = headerBytes + PageCipher.overhead

  private let cipher: PageCipher
  private let associatedData: UnsafeMutableRawBufferPointer

  init(_ cipher: PageCipher, keyID: String) {
    self.cipher = cipher
    let bytes = unsafe withUnsafeBytes(of: Self.header) { unsafe Array($0) } + keyID.utf8
    unsafe associatedData = .allocate(byteCount: bytes.count, alignment: 1)
    unsafe associatedData.copyBytes(from: bytes)
  }

  deinit { unsafe associatedData.deallocate() }

  /// Seals a block; returns an errno value. `target` has at least `expansion` bytes more than the source.
  func seal(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, written: inout Int) -> Int32 {
    let length = source.count + Self.expansion
    guard target.count >= length else { return ENOBUFS }
    unsafe target.storeBytes(of: Self.header, as: UInt32.self)
    let sealed = unsafe UnsafeMutableRawBufferPointer(rebasing: target[Self.headerBytes..<length])
    do throws(SealingError) {
      let data = unsafe UnsafeRawBufferPointer(associatedData)
      written = try unsafe Self.headerBytes + cipher.seal(source, authenticating: data, into: sealed)
    } catch {
      return Self.number(of: error)
    }
    return 0
  }

  /// Opens a block; returns an errno value: EBADMSG if it does not open under this key.
  func open(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, written: inout Int) -> Int32 {
    guard source.count >= Self.expansion, unsafe source.loadUnaligned(as: UInt32.self) == Self.header
    else { return EBADMSG }
    let sealed = unsafe UnsafeRawBufferPointer(rebasing: source[Self.headerBytes..<source.count])
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
