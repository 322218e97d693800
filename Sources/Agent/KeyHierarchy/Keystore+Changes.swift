// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Glibc
internal import Sealing
internal import Secrets

extension Keystore {
  /// Makes the keystore of a new generation with a first key for each of `scopes`; on disk on return.
  ///
  /// `wrapped` is `master` as the KMS wrapped it, already unwrapped and compared. Throws `exists` if there is a file,
  /// `storage`, `damaged`, `limit`, `cryptography`.
  public static func create(
    at path: String, identity: KeystoreIdentity, master: borrowing MasterKey, wrapped: WrappedMasterKey,
    scopes: [KeyScope] = [.system, .oplog]
  ) throws(KeystoreError) -> Keystore {
    try create(in: KeystoreFile(path: path), identity: identity, master: master, wrapped: wrapped, scopes: scopes)
  }

  package static func create(
    in file: KeystoreFile, identity: KeystoreIdentity, master: borrowing MasterKey, wrapped: WrappedMasterKey,
    scopes: [KeyScope] = [.system, .oplog]
  ) throws(KeystoreError) -> Keystore {
    guard !file.exists() else {
      throw KeystoreError(.exists, "there is a keystore \(file.path) already; it is never overwritten")
    }
    let contents = KeystoreContents(
      version: 0, identity: identity, masterKeyID: master.id, masterKeyCheckValue: master.checkValue,
      wrappedMasterKey: wrapped)
    let keystore = Keystore(
      file: file, contents: contents, secrets: [:], master: HeldMasterKey(try master.duplicate()))
    try keystore.addKeys(for: scopes)
    return keystore
  }

  /// Makes a key for a scope, its newest from now on; on disk on return. Older keys of the scope stay.
  ///
  /// Throws `versionConflict` unless the keystore is at `expectedVersion` (nil: any), `limit`, `storage`, `damaged`,
  /// `wiped`, `cryptography`.
  @discardableResult
  public func addKey(for scope: KeyScope, expectedVersion: UInt64? = nil) throws(KeystoreError) -> KeyID {
    let ids = try addKeys(for: [scope], expectedVersion: expectedVersion)
    guard let id = ids.first else { throw KeystoreError(.cryptography, "no key was made for \(scope)") }
    return id
  }

  /// Makes a key for each scope in one replacement; see `addKey`. Answers their ids in the same order.
  @discardableResult
  public func addKeys(for scopes: [KeyScope], expectedVersion: UInt64? = nil) throws(KeystoreError) -> [KeyID] {
    try replace(expecting: expectedVersion) { (state) throws(KeystoreError) in
      var ids: [KeyID] = []
      do {
        let wrapping = try KeyWrapping(parent: state.master.key.key, id: state.master.key.id.text)
        let binding = state.contents.identity.binding
        for scope in scopes {
          let id = KeyID.random(for: scope)
          let key = try SecretBytes.random(count: MasterKey.keyBytes)
          let wrapped = try wrapping.wrap(
            key, id: id.text, createdAtMilliseconds: Self.now(), context: binding.bytes(of: scope))
          try state.contents.append(KeystoreContents.Entry(id: id, wrapped: wrapped))
          state.secrets[id] = Secret(key)
          ids.append(id)
        }
      } catch let error as KeystoreError { throw error } catch { throw .cryptography("a new key", error) }
      return ids
    }
  }

  /// Removes keys for good: what they encrypt can't be read again. Ids it doesn't have are no error.
  ///
  /// Throws like `addKey`.
  public func removeKeys(_ ids: Set<KeyID>, expectedVersion: UInt64? = nil) throws(KeystoreError) {
    try replace(expecting: expectedVersion) { (state) throws(KeystoreError) in
      state.contents.remove(ids)
      for id in ids { state.secrets[id] = nil }
    }
  }

  /// Wraps every key anew under another master key, in one replacement: a rotation. Answers the new version.
  ///
  /// `wrapped` is `master` as the KMS wrapped it, already unwrapped and compared. Keys, their ids and creation times
  /// stay, and so does all data. Throws like `addKey`.
  @discardableResult
  public func rewrap(
    under master: borrowing MasterKey, wrapped: WrappedMasterKey, expectedVersion: UInt64
  ) throws(KeystoreError) -> UInt64 {
    let held = HeldMasterKey(try master.duplicate())
    return try replace(expecting: expectedVersion) { (state) throws(KeystoreError) in
      let entries = try Self.rewrapped(state, under: held.key)
      state.contents.replaceMasterKey(
        id: held.key.id, checkValue: held.key.checkValue, wrapped: wrapped, entries: entries)
      state.master = held
      return state.contents.version
    }
  }

  /// Replaces only the KMS's blob of the same master key: after a change of the customer's key, its version or region.
  ///
  /// `wrapped` is the present master key, wrapped anew, already unwrapped and compared. Throws like `addKey`.
  @discardableResult
  public func replaceWrappedMasterKey(
    _ wrapped: WrappedMasterKey, expectedVersion: UInt64
  ) throws(KeystoreError) -> UInt64 {
    try replace(expecting: expectedVersion) { (state) throws(KeystoreError) in
      state.contents.replaceMasterKey(
        id: state.contents.masterKeyID, checkValue: state.contents.masterKeyCheckValue, wrapped: wrapped,
        entries: state.contents.entries)
      return state.contents.version
    }
  }

  private static func rewrapped(
    _ state: State, under master: borrowing MasterKey
  ) throws(KeystoreError) -> [KeystoreContents.Entry] {
    var entries: [KeystoreContents.Entry] = []
    entries.reserveCapacity(state.contents.entries.count)
    do throws(SealingError) {
      let wrapping = try KeyWrapping(parent: master.key, id: master.id.text)
      let binding = state.contents.identity.binding
      for entry in state.contents.entries {
        guard let secret = state.secrets[entry.id] else {
          throw SealingError(.size, "key \(entry.id) is not in memory")
        }
        let wrapped = try secret.withSecret { (key) throws(SealingError) in
          try wrapping.wrap(
            key, id: entry.wrapped.keyID, createdAtMilliseconds: entry.wrapped.createdAtMilliseconds,
            context: binding.bytes(of: entry.id.scope))
        }
        entries.append(KeystoreContents.Entry(id: entry.id, wrapped: wrapped))
      }
    } catch { throw .cryptography("the keys under a new master key", error) }
    return entries
  }

  private static func now() -> Int64 {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
  }
}
