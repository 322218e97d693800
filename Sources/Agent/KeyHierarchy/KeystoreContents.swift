// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Sealing

/// What stands in a keystore file: a plain value; nothing in it is secret.
struct KeystoreContents: Sendable {
  /// One wrapped key, with its binary form so that a change of one key encodes one key.
  struct Entry: Sendable {
    let id: KeyID
    let wrapped: WrappedKey
    let encoded: [UInt8]
  }

  /// The most keys of one keystore.
  static let maximumKeys = 100_000

  /// One higher at each replacement of the file.
  private(set) var version: UInt64
  let identity: KeystoreIdentity
  private(set) var masterKeyID: MasterKeyID
  private(set) var masterKeyCheckValue: KeyCheckValue
  private(set) var wrappedMasterKey: WrappedMasterKey
  /// In the order they were made.
  private(set) var entries: [Entry] = []
  private(set) var current: [KeyScope: KeyID] = [:]

  init(
    version: UInt64, identity: KeystoreIdentity, masterKeyID: MasterKeyID, masterKeyCheckValue: KeyCheckValue,
    wrappedMasterKey: WrappedMasterKey
  ) {
    self.version = version
    self.identity = identity
    self.masterKeyID = masterKeyID
    self.masterKeyCheckValue = masterKeyCheckValue
    self.wrappedMasterKey = wrappedMasterKey
  }

  /// The state after one more replacement.
  mutating func advanceVersion() throws(KeystoreError) {
    let (next, overflow) = version.addingReportingOverflow(1)
    guard !overflow else { throw KeystoreError(.limit, "the keystore's version counter is at its end") }
    version = next
  }

  mutating func append(_ entry: Entry) throws(KeystoreError) {
    guard entries.count < Self.maximumKeys else {
      throw KeystoreError(.limit, "the keystore has \(entries.count) keys; drop databases that are not needed")
    }
    entries.append(entry)
    current[entry.id.scope] = entry.id
  }

  mutating func remove(_ ids: Set<KeyID>) {
    entries.removeAll { ids.contains($0.id) }
    current = [:]
    for entry in entries { current[entry.id.scope] = entry.id }
  }

  /// Everything under another master key; `entries` are the same keys in the same order, wrapped anew.
  mutating func replaceMasterKey(
    id: MasterKeyID, checkValue: KeyCheckValue, wrapped: WrappedMasterKey, entries: [Entry]
  ) {
    precondition(
      entries.map(\.id) == self.entries.map(\.id), "a rewrap loses no key and invents none")
    masterKeyID = id
    masterKeyCheckValue = checkValue
    wrappedMasterKey = wrapped
    self.entries = entries
  }
}

extension KeystoreContents.Entry {
  init(id: KeyID, wrapped: WrappedKey) throws(KeystoreError) {
    do throws(SealingError) { try self.init(id: id, wrapped: wrapped, encoded: wrapped.encoded()) } catch {
      throw .cryptography("key \(id)", error)
    }
  }
}
