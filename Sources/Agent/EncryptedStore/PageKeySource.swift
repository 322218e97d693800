// SPDX-License-Identifier: GPL-3.0-or-later
public import Sealing

/// Where a store gets the ciphers of its pages.
///
/// WiredTiger asks once for each key id and connection, while it holds a lock: answer from memory, never from a KMS.
/// A key that is missing now can be asked for again when its table is opened next.
public protocol PageKeySource: Sendable {
  /// The cipher of a key id, or nil if there is none.
  func pageCipher(forKeyID keyID: String) -> PageCipher?
}

/// The key source of a store in plaintext.
public struct NoPageKeys: PageKeySource {
  /// Makes the empty source.
  public init() {}

  /// Always nil.
  public func pageCipher(forKeyID keyID: String) -> PageCipher? { nil }
}
