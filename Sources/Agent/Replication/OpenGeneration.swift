// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import EncryptedStore
internal import FailurePoints

/// A generation whose store is open: what all sessions of a node hang on.
public final class OpenGeneration: Sendable {
  /// Which generation it is.
  public let id: GenerationID
  /// Its keys.
  public let keys: GenerationKeys
  let store: Store
  let directory: GenerationDirectory

  private init(id: GenerationID, keys: GenerationKeys, store: Store, directory: GenerationDirectory) {
    self.id = id
    self.keys = keys
    self.store = store
    self.directory = directory
  }

  /// Memory the engine may use for pages of one generation, in bytes.
  public static let defaultCacheBytes = 256 << 20

  /// Makes the store of a new generation, with the tables every generation has.
  public static func create(
    _ id: GenerationID, in directory: GenerationDirectory, keys: GenerationKeys, cacheBytes: Int = defaultCacheBytes,
    events: StoreEvents
  ) throws(MemberError) -> OpenGeneration {
    do {
      let store = try Store.create(
        at: directory.storePath(of: id), options: options(keys, cacheBytes), keys: keys, events: events)
      let session = try store.openSession()
      try session.createTable(MemberTables.catalog, TableOptions(logged: false))
      try session.createTable(
        MemberTables.oplog,
        TableOptions(keyID: keys.oplogKeyID.map(EngineKeyName.name(of:)), logged: true, leafPageBytes: 32 << 10))
      try session.createTable(MemberTables.raft, TableOptions(logged: true))
      session.close()
      FailurePoint.reach("generation.store.after")
      return OpenGeneration(id: id, keys: keys, store: store, directory: directory)
    } catch { throw MemberError(error) }
  }

  /// Opens the store of a generation that exists; damage is an error that names the file, never an empty store.
  public static func open(
    _ id: GenerationID, in directory: GenerationDirectory, keys: GenerationKeys, cacheBytes: Int = defaultCacheBytes,
    events: StoreEvents
  ) throws(MemberError) -> OpenGeneration {
    do {
      let store = try Store.open(
        at: directory.storePath(of: id), options: options(keys, cacheBytes), keys: keys, events: events)
      return OpenGeneration(id: id, keys: keys, store: store, directory: directory)
    } catch { throw MemberError(error) }
  }

  /// Closes the store and wipes the keys; all sessions have to be closed before.
  public func close() throws(MemberError) {
    defer { keys.wipe() }
    do { try store.close() } catch { throw MemberError(error) }
  }

  private static func options(_ keys: GenerationKeys, _ cacheBytes: Int) -> StoreOptions {
    // Checkpoints are the member's own: what may be dropped after one has to be known.
    StoreOptions(
      cacheBytes: cacheBytes, systemKeyID: keys.systemKeyID.map(EngineKeyName.name(of:)), checkpointInterval: .zero,
      checkpointLogBytes: 0)
  }
}
