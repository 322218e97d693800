// SPDX-License-Identifier: GPL-3.0-or-later
internal import CCrypto
public import Secrets
internal import Synchronization

/// XAES-256-GCM under one key: seals and opens pages from any thread.
///
/// The algorithm is C2SP's (c2sp.org/XAES-256-GCM): 192-bit random nonces, a derived AES-256-GCM key per page. A sealed
/// page is nonce (24 bytes), ciphertext, tag (16 bytes).
///
/// OpenSSL keeps expanded keys in ordinary memory; they are few, live no longer than this object and its calls, and are
/// wiped when they are freed.
public final class PageCipher: Sendable {
  /// Bytes of a key.
  public static let keyBytes = KF_KEY_BYTES
  /// Bytes of the nonce at the start of what is sealed.
  public static let nonceBytes = KF_PAGE_NONCE_BYTES
  /// Bytes of the tag at the end of what is sealed.
  public static let tagBytes = KF_TAG_BYTES
  /// How many bytes sealing adds.
  public static let overhead = nonceBytes + tagBytes
  /// The most bytes one call seals; WiredTiger's largest page is half of it.
  public static let maximumBytes = 1 << 30
  /// How many expanded copies are kept for the next calls; more threads than that at once make their own.
  private static let keptContexts = 8

  private struct State {
    var key: Secret?
    var idle: [PageContext]
  }

  private let state: Mutex<State>

  /// Takes a copy of a 32-byte key.
  public init(key: borrowing SecretBytes) throws(SealingError) {
    guard key.count == Self.keyBytes else {
      throw SealingError(.size, "a page key has \(Self.keyBytes) bytes, this one \(key.count)")
    }
    let copy: SecretBytes
    do throws(SecretsError) { copy = try key.duplicate() } catch { throw .secrets(error) }
    var idle: [PageContext] = []
    idle.reserveCapacity(Self.keptContexts)
    idle.append(try PageContext(key: copy))
    self.state = Mutex(State(key: Secret(copy), idle: idle))
  }

  /// Seals `plaintext` into `sealed`, which has room for `overhead` more bytes; answers how many were written.
  ///
  /// `associated` is authenticated and not encrypted: whoever opens has to give the same. Throws `revoked`, `size` and
  /// `library`. The two buffers must not overlap.
  @discardableResult
  public func seal(
    _ plaintext: UnsafeRawBufferPointer, authenticating associated: UnsafeRawBufferPointer,
    into sealed: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> Int {
    try unsafe seal(plaintext, authenticating: associated, nonce: nil, into: sealed)
  }

  /// Opens `sealed` into `plaintext`, which has room for `overhead` bytes less; answers how many were written.
  ///
  /// Throws `forged` unless every byte of `sealed` and `associated` is as it was sealed under this key; then nothing of
  /// the plaintext stays in the buffer. Also throws `revoked`, `size` and `library`. The two buffers must not overlap.
  public func open(
    _ sealed: UnsafeRawBufferPointer, authenticating associated: UnsafeRawBufferPointer,
    into plaintext: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> Int {
    let count = sealed.count - Self.overhead
    guard count >= 0 else { throw SealingError(.forged, "what is to be opened is shorter than a nonce and a tag") }
    guard count <= Self.maximumBytes, plaintext.count >= count else { throw Self.wrongSize(count, plaintext.count) }
    let context = try take()
    let result = unsafe context.open(sealed, authenticating: associated, into: plaintext)
    give(back: context)
    switch result {
    case KF_DONE: return count
    case KF_FORGED: throw SealingError(.forged, "what is to be opened was altered, or sealed under another key")
    default:
      ERR_clear_error()
      throw SealingError(.library, "OpenSSL can't open \(count) bytes")
    }
  }

  /// Takes the key away: every expanded copy is wiped and freed, later calls throw `revoked`.
  ///
  /// Calls under way end as they would have, and their copy is freed when they return.
  public func revoke() {
    state.withLock { state in
      state.key = nil
      state.idle = []
    }
  }

  /// Seals with a nonce of the caller's choice: for published vectors only, a nonce used twice gives the key away.
  package func seal(
    _ plaintext: UnsafeRawBufferPointer, authenticating associated: UnsafeRawBufferPointer,
    nonce: UnsafeRawBufferPointer?, into sealed: UnsafeMutableRawBufferPointer
  ) throws(SealingError) -> Int {
    let count = plaintext.count
    guard count <= Self.maximumBytes, sealed.count >= count + Self.overhead,
      unsafe nonce.map({ $0.count == Self.nonceBytes }) ?? true
    else { throw Self.wrongSize(count, sealed.count) }
    let context = try take()
    let result = unsafe context.seal(plaintext, authenticating: associated, nonce: nonce, into: sealed)
    give(back: context)
    guard result == KF_DONE else {
      ERR_clear_error()
      throw SealingError(.library, "OpenSSL can't seal \(count) bytes")
    }
    return count + Self.overhead
  }

  /// How many expanded copies wait for the next call.
  package var idleCopies: Int { state.withLock { $0.idle.count } }

  private func take() throws(SealingError) -> PageContext {
    try state.withLock { (state) throws(SealingError) in
      if let context = state.idle.popLast() { return context }
      guard let key = state.key else { throw SealingError(.revoked, "the key was taken away") }
      return try key.withSecret { (key) throws(SealingError) in try PageContext(key: key) }
    }
  }

  private func give(back context: PageContext) {
    state.withLock { state in
      guard state.key != nil, state.idle.count < Self.keptContexts else { return }
      state.idle.append(context)
    }
  }

  private static func wrongSize(_ count: Int, _ room: Int) -> SealingError {
    SealingError(.size, "\(count) bytes of plaintext don't fit the limit or the buffer of \(room) bytes")
  }
}
