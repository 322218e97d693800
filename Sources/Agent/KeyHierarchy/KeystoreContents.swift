// SPDX-License-Identifier: GPL-3.0-or-later
package import ClusterModel
package import Sealing

/// What stands in a keystore file and how it may change: a plain value; nothing in it is secret.
package struct KeystoreContents: Sendable {
  /// One wrapped key; it keeps its binary form, so that a change of one key encodes one key.
  package struct Entry: Sendable {
    package let id: KeyID
    package let wrapped: WrappedKey

    package init(id: KeyID, wrapped: WrappedKey) {
      self.id = id
      self.wrapped = wrapped
    }
  }

  /// The most keys of one keystore.
  static let maximumKeys = 100_000

  /// One higher at each replacement of the file.
  package private(set) var version: UInt64
  package let identity: KeystoreIdentity
  package private(set) var masterKeyID: MasterKeyID
  package private(set) var masterKeyCheckValue: KeyCheckValue
  package private(set) var wrappedMasterKey: WrappedMasterKey
  /// In the order they were made.
  package private(set) var entries: [Entry] = []
  package private(set) var current: [KeyScope: KeyID] = [:]

  package init(
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
  package mutating func advanceVersion() throws(KeystoreError) {
    let (next, overflow) = version.addingReportingOverflow(1)
    guard !overflow else { throw KeystoreError(.limit, "the keystore's version counter is at its end") }
    version = next
  }

  package mutating func append(_ entry: Entry) throws(KeystoreError) {
    guard entries.count < Self.maximumKeys else {
      throw KeystoreError(.limit, "the keystore has \(entries.count) keys; drop databases that are not needed")
    }
    entries.append(entry)
    current[entry.id.scope] = entry.id
  }

  package mutating func remove(_ ids: Set<KeyID>) {
    entries.removeAll { ids.contains($0.id) }
    current = [:]
    for entry in entries { current[entry.id.scope] = entry.id }
  }

  /// Everything under another master key; `entries` are the same keys in the same order, wrapped anew.
  package mutating func replaceMasterKey(
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
