// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Sealing
internal import Secrets

/// A keystore as read from disk, before its master key is at hand: enough to say Hello and to ask the KMS.
///
/// What it says of itself is undamaged, but authentic only once `open` has checked it under the master key.
public struct SealedKeystore: Sendable {
  /// The name of the file in a generation's directory.
  public static let fileName = "keystore"

  private let file: KeystoreFile
  private let bytes: [UInt8]
  private let contents: KeystoreContents

  /// Reads a keystore file without any secret.
  ///
  /// Throws `missing`, `storage`, `corrupt` (the file is damaged: shown by a checksum) and `futureFormat`.
  public static func read(from path: String) throws(KeystoreError) -> SealedKeystore {
    try read(from: KeystoreFile(path: path))
  }

  package static func read(from file: KeystoreFile) throws(KeystoreError) -> SealedKeystore {
    let bytes = try file.read(limit: KeystoreContents.maximumFileBytes)
    return SealedKeystore(
      file: file, bytes: bytes, contents: try KeystoreContents(decoding: bytes, path: file.path))
  }

  /// Removes a keystore: the keys in it are gone for good when it returns. Doing it twice is no error.
  ///
  /// Its blocks are not overwritten, which means nothing on today's disks; without the master key they are worthless.
  public static func destroy(at path: String) throws(KeystoreError) { try KeystoreFile(path: path).destroy() }

  /// The number of this state, one higher at each replacement.
  public var version: UInt64 { contents.version }
  /// Whose keystore it says it is.
  public var identity: KeystoreIdentity { contents.identity }
  /// The id of the master key it needs.
  public var masterKeyID: MasterKeyID { contents.masterKeyID }
  /// The check value of the master key it needs.
  public var masterKeyCheckValue: KeyCheckValue { contents.masterKeyCheckValue }
  /// What the KMS has to unwrap.
  public var wrappedMasterKey: WrappedMasterKey { contents.wrappedMasterKey }
  /// How many keys it holds.
  public var keyCount: Int { contents.entries.count }

  /// Checks that `open` under this master key would find its own, undamaged and unaltered keystore, without unwrapping
  /// any other key.
  ///
  /// Throws `foreign`, `wrongMasterKey`, `forged`, `cryptography`: see `open`.
  public func verify(
    with master: borrowing MasterKey, expecting expected: KeystoreIdentity
  ) throws(KeystoreError) {
    guard identity == expected else {
      throw KeystoreError(
        .foreign, "the keystore \(file.path) belongs to \(identity), not to \(expected); was a directory copied?")
    }
    guard master.id == masterKeyID, master.checkValue == masterKeyCheckValue else {
      throw KeystoreError(
        .wrongMasterKey,
        "the keystore \(file.path) needs master key \(masterKeyID) (check value \(masterKeyCheckValue)), "
          + "not \(master.id) (\(master.checkValue))")
    }
    guard try KeystoreContents.hasValidCode(bytes, under: master) else {
      throw KeystoreError(
        .forged,
        "the keystore \(file.path) was altered by somebody without the master key; keep it, and sync the node anew")
    }
  }

  /// Unwraps every key. What a crash left beside the file is removed.
  ///
  /// Throws `foreign` if it is another cluster's, node's or generation's, `wrongMasterKey` if another master key
  /// wrapped the keys, `forged` if no holder of the master key made the file, `corrupt` if a key doesn't open,
  /// `cryptography`.
  public func open(
    with master: borrowing MasterKey, expecting expected: KeystoreIdentity
  ) throws(KeystoreError) -> Keystore {
    try verify(with: master, expecting: expected)
    let secrets = try unwrapped(with: master)
    file.removeUnfinished()
    return Keystore(file: file, contents: contents, secrets: secrets, master: HeldMasterKey(try master.duplicate()))
  }

  private func unwrapped(with master: borrowing MasterKey) throws(KeystoreError) -> [KeyID: Secret] {
    var secrets: [KeyID: Secret] = [:]
    secrets.reserveCapacity(contents.entries.count)
    do throws(SealingError) {
      let wrapping = try KeyWrapping(parent: master.key, id: master.id.text)
      let binding = identity.binding
      for entry in contents.entries {
        let key = try wrapping.unwrap(entry.wrapped, context: binding.bytes(of: entry.id.scope))
        secrets[entry.id] = Secret(key)
      }
    } catch {
      // The code over the file was right, so a key that doesn't open was written wrong, not altered.
      if error.code == .forged || error.code == .wrongKey {
        throw KeystoreError(.corrupt, "the keystore \(file.path) holds a key that does not open", underlying: error)
      }
      throw .cryptography("the keys of \(file.path)", error)
    }
    return secrets
  }
}
