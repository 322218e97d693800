// SPDX-License-Identifier: GPL-3.0-or-later
internal import CCrypto
internal import Synchronization

/// The one region of memory that secrets live in: locked, between guard pages, left out of core dumps.
///
/// It is OpenSSL's secure heap (OPENSSL_secure_malloc(3)). Daemons initialise it with their configured size before they
/// read the first secret; whoever doesn't gets the default size at the first secret.
public enum SecureHeap {
  /// The size without a setting: 4 MiB hold some 60,000 keys of 32 bytes with their slots, and leave half of the 8 MiB
  /// that an ordinary user may lock.
  public static let defaultBytes = 4 << 20
  /// The smallest size that makes sense: one page.
  public static let minimumBytes = 4096
  /// The largest size; beyond it something else than keys is meant.
  public static let maximumBytes = 1 << 30
  /// The smallest slot: one AES-256 key.
  private static let slotBytes = 32

  private enum State: Sendable {
    case untouched
    case ready(bytes: Int)
    case refused(SecretsError)
  }

  private static let state = Mutex(State.untouched)

  /// Makes the heap of `bytes`, rounded up to a power of two; does nothing if it has at least that size already.
  ///
  /// Throws if the memory can't be had or can't be locked (unless `allowingUnlocked`: then it may reach the swap), and
  /// if the heap exists already and is smaller.
  public static func initialize(bytes: Int = defaultBytes, allowingUnlocked: Bool = false) throws(SecretsError) {
    guard bytes >= minimumBytes, bytes <= maximumBytes else {
      throw SecretsError(
        .heapTooSmall, "the secure heap can't have \(bytes) bytes; choose from \(minimumBytes) to \(maximumBytes)")
    }
    try state.withLock { (state) throws(SecretsError) in
      try prepare(&state, bytes: bytes, allowingUnlocked: allowingUnlocked)
    }
  }

  private static func prepare(_ state: inout State, bytes: Int, allowingUnlocked: Bool) throws(SecretsError) {
    switch state {
    case .ready(let present) where present >= bytes: return
    case .ready(let present):
      throw SecretsError(
        .heapTooSmall,
        "the secure heap has \(present) bytes already and can't grow to \(bytes); set its size before the first secret")
    case .refused(let error): throw error
    case .untouched: break
    }
    var size = minimumBytes
    while size < bytes { size *= 2 }
    let answer = CRYPTO_secure_malloc_init(size, slotBytes)
    if answer == 1 || (answer == 2 && allowingUnlocked) {
      state = .ready(bytes: size)
      return
    }
    // 2 means: there, but not locked. Such a heap stays unused.
    let error =
      answer == 2
      ? SecretsError(
        .heapNotLocked,
        "the secure heap of \(size) bytes can't be locked into memory; raise LimitMEMLOCK= or ulimit -l above it")
      : SecretsError(.heapUnavailable, "the secure heap of \(size) bytes can't be had; is memory short?")
    state = .refused(error)
    throw error
  }

  /// Zeroed memory for a secret of `count` bytes.
  static func allocate(_ count: Int) throws(SecretsError) -> UnsafeMutableRawPointer {
    try state.withLock { (state) throws(SecretsError) in
      if case .ready = state { return }
      try prepare(&state, bytes: defaultBytes, allowingUnlocked: false)
    }
    guard count >= 0, let memory = unsafe kf_secure_allocate(max(count, 1)) else {
      throw SecretsError(
        .heapExhausted, "the secure heap has no room for \(count) bytes; raise its size in the configuration")
    }
    return unsafe memory
  }

  /// Wipes and frees what `allocate` gave.
  static func release(_ memory: UnsafeMutableRawPointer, _ count: Int) {
    unsafe kf_secure_release(memory, max(count, 1))
  }

  /// How many bytes are taken, slots rounded up; OpenSSL crashes if asked before there is a heap.
  package static var usedBytes: Int { state.withLock { if case .ready = $0 { CRYPTO_secure_used() } else { 0 } } }
}
