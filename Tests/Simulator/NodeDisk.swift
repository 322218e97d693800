// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import KeyHierarchy
internal import ReplicationCore
internal import Sealing

/// The files of one generation: keystore and store.
final class GenerationFiles {
  let id: GenerationID
  var keystore: KeystoreContents?
  /// The keystore before a replacement whose folder is not synced yet.
  var keystoreBefore: KeystoreContents?
  var hasServed = false
  /// Whether it can't be opened any more.
  var isDamaged = false
  /// Whether it had a keystore that was destroyed.
  var isShredded = false
  var store: SimulatedDisk
  /// Keys that bytes on the disk need.
  var usedKeys: Set<KeyID> = []

  init(id: GenerationID, store: SimulatedDisk) {
    self.id = id
    self.store = store
  }

  var isEncrypted: Bool { keystore != nil }
  /// Whether data was written to it that lies there unencrypted.
  var isPlain: Bool { keystore == nil && hasServed && !isShredded }
  /// Whether it can be opened, by a member that has all it acknowledged.
  var isWhole: Bool { !isDamaged && store.isWhole }

  var report: GenerationReport {
    guard let keystore else { return GenerationReport(id: id, encrypted: false) }
    return GenerationReport(
      id: id, encrypted: true, keystoreVersion: keystore.version, masterKeyID: keystore.masterKeyID,
      masterKeyCheckValue: keystore.masterKeyCheckValue.text, customerKeyID: keystore.wrappedMasterKey.keyID,
      masterKeyCreatedAtMilliseconds: keystore.wrappedMasterKey.createdAtMilliseconds)
  }
}

/// The power goes, or the process is killed, at this step.
struct PowerLoss: Error {}

/// A node's data directory: generations, and `CURRENT`, which names the live one.
final class NodeDisk {
  private(set) var current: GenerationID?
  /// What `CURRENT` was before a rename whose folder is not synced yet.
  private var before: GenerationID??
  private(set) var generations: [GenerationFiles] = []

  func files(_ id: GenerationID) -> GenerationFiles? { generations.first { $0.id == id } }

  func add(_ files: GenerationFiles) { generations.append(files) }

  /// Points `CURRENT` at a generation; `step` may throw between any two things the disk does.
  func point(at id: GenerationID, _ step: (String) throws -> Void) throws {
    try step("write CURRENT")
    before = .some(current)
    current = id
    try step("sync the folder of CURRENT")
    before = nil
  }

  /// Destroys a generation: its keystore first, then its files. What `CURRENT` names, or may name again after a power
  /// loss, is never destroyed: whatever heals that loss later, it is one.
  func destroy(_ id: GenerationID, _ step: (String) throws -> Void) throws {
    guard let files = files(id) else { return }
    if id == current || before == .some(.some(id)) {
      throw BrokenPromise(sentence: "generation \(id) is destroyed while CURRENT names it")
    }
    try step("destroy a keystore")
    if files.isEncrypted { files.isShredded = true }
    files.keystore = nil
    try step("destroy a store")
    generations.removeAll { $0.id == id }
  }

  /// Destroys every generation, all keystores first, and then what names the live one.
  func destroyEverything(keepingKeys: Bool, _ step: (String) throws -> Void) throws {
    for files in generations where files.isEncrypted && !keepingKeys {
      try step("destroy a keystore")
      files.isShredded = true
      files.keystore = nil
      files.keystoreBefore = nil
    }
    for id in generations.map(\.id) where !keepingKeys {
      try step("destroy a store")
      generations.removeAll { $0.id == id }
    }
    try step("remove CURRENT")
    (current, before) = (nil, nil)
  }

  func superseded(by live: GenerationID?) -> [GenerationID] { generations.map(\.id).filter { $0 != live } }

  /// What was renamed and not synced may be as before; what was written and not synced survives as a prefix.
  func crash(_ dice: inout Dice, losesAll: Bool) {
    if let before, dice.chance(500) { current = before }
    before = nil
    for files in generations {
      if let old = files.keystoreBefore, dice.chance(500) { files.keystore = old }
      files.keystoreBefore = nil
      if losesAll { files.store.lose() } else { files.store.crash(&dice) }
    }
  }
}

/// A keystore in memory: the production rules of its contents, keys that are only names.
final class OpenKeystore {
  let files: GenerationFiles
  private(set) var contents: KeystoreContents

  init(files: GenerationFiles, contents: KeystoreContents) {
    self.files = files
    self.contents = contents
  }

  static func scope(of database: Int) -> KeyScope { .database(DatabaseName(checked: "db\(database)")) }

  /// Makes the keystore of a new generation with its first keys.
  static func create(
    _ files: GenerationFiles, identity: KeystoreIdentity, master: MasterKeyID, check: KeyCheckValue,
    wrapped: WrappedMasterKey, first ids: [KeyID], _ step: (String) throws -> Void
  ) throws -> OpenKeystore {
    let contents = KeystoreContents(
      version: 0, identity: identity, masterKeyID: master, masterKeyCheckValue: check, wrappedMasterKey: wrapped)
    let keystore = OpenKeystore(files: files, contents: contents)
    try keystore.addKeys(ids, step)
    return keystore
  }

  /// One replacement of the file: the state of memory follows the disk's.
  private func replace(_ step: (String) throws -> Void, _ change: (inout KeystoreContents) throws -> Void) throws {
    var draft = contents
    try draft.advanceVersion()
    try change(&draft)
    try step("write a keystore")
    files.keystoreBefore = files.keystore
    files.keystore = draft
    try step("sync the folder of a keystore")
    files.keystoreBefore = nil
    contents = draft
  }

  func addKeys(_ ids: [KeyID], _ step: (String) throws -> Void) throws {
    try replace(step) { draft in
      for id in ids {
        let wrapped = Self.wrapped(id, under: draft.masterKeyID, draft.masterKeyCheckValue)
        try draft.append(KeystoreContents.Entry(id: id, wrapped: wrapped))
      }
    }
  }

  /// Wraps every key anew under another master key; false if the keystore has changed since `version`.
  func rewrap(
    under master: MasterKeyID, check: KeyCheckValue, wrapped: WrappedMasterKey, expecting version: UInt64,
    _ step: (String) throws -> Void
  ) throws -> Bool {
    guard contents.version == version else { return false }
    try replace(step) { draft in
      let entries = draft.entries.map {
        KeystoreContents.Entry(id: $0.id, wrapped: Self.wrapped($0.id, under: master, check))
      }
      draft.replaceMasterKey(id: master, checkValue: check, wrapped: wrapped, entries: entries)
    }
    return true
  }

  /// Another wrapping of the same master key.
  func replaceWrapped(_ wrapped: WrappedMasterKey, _ step: (String) throws -> Void) throws {
    try replace(step) { draft in
      draft.replaceMasterKey(
        id: draft.masterKeyID, checkValue: draft.masterKeyCheckValue, wrapped: wrapped, entries: draft.entries)
    }
  }

  /// What opening a stored keystore checks: whose it is, and that every key is wrapped by its master key.
  static func fault(in contents: KeystoreContents, expecting identity: KeystoreIdentity) -> String? {
    if contents.identity != identity { return "the keystore belongs to \(contents.identity)" }
    let parent = contents.masterKeyID.text
    let isWhole = contents.entries.allSatisfy {
      $0.wrapped.parentKeyID == parent && $0.wrapped.parentCheckValue == contents.masterKeyCheckValue
    }
    return isWhole ? nil : "a key is wrapped by another master key"
  }

  private static func wrapped(_ id: KeyID, under master: MasterKeyID, _ check: KeyCheckValue) -> WrappedKey {
    WrappedKey(
      keyID: id.text, parentKeyID: master.text, createdAtMilliseconds: 0, parentCheckValue: check, encoded: [])
  }
}
