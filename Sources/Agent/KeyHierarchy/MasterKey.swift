// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Sealing
internal import Secrets

/// A node's master key: 32 random bytes with one owner, wrapped by the customer's key, wrapping the database keys.
public struct MasterKey: ~Copyable, Sendable {
  /// Bytes of the key.
  public static let keyBytes = 32

  /// Drawn when the key was made, never reused.
  public let id: MasterKeyID
  /// Tells this key from any other without giving it away; the coordinator records it.
  public let checkValue: KeyCheckValue
  let key: SecretBytes

  init(id: MasterKeyID, key: consuming SecretBytes) throws(KeystoreError) {
    let checkValue: KeyCheckValue
    do throws(SealingError) { checkValue = try KeyCheckValue(of: key) } catch {
      throw .cryptography("a master key", error)
    }
    self.id = id
    self.checkValue = checkValue
    self.key = key
  }

  /// Makes a fresh master key. Throws `cryptography` if there are no random numbers or the secure heap is full.
  public static func generate() throws(KeystoreError) -> MasterKey {
    let key: SecretBytes
    do throws(SecretsError) { key = try SecretBytes.random(count: keyBytes) } catch {
      throw .cryptography("a master key", error)
    }
    return try MasterKey(id: .random(), key: key)
  }

  /// Whether both are the same key: compares id and bytes, for "unwrapped and compared before anything relies on it".
  public borrowing func isSame(as other: borrowing MasterKey) -> Bool { id == other.id && key.isEqual(to: other.key) }

  /// A second owner's own copy, for the keystore of another generation.
  public borrowing func duplicate() throws(KeystoreError) -> MasterKey {
    let copy: SecretBytes
    do throws(SecretsError) { copy = try key.duplicate() } catch { throw .cryptography("a master key", error) }
    return try MasterKey(id: id, key: copy)
  }
}

/// A master key with several holders.
final class HeldMasterKey: Sendable {
  let key: MasterKey
  init(_ key: consuming MasterKey) { self.key = key }
}

extension KeystoreError {
  /// OpenSSL or the secure heap failed over `subject`.
  static func cryptography(_ subject: String, _ cause: any Error) -> KeystoreError {
    KeystoreError(.cryptography, "can't work with \(subject)", underlying: cause)
  }
}
