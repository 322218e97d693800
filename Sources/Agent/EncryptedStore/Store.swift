// SPDX-License-Identifier: GPL-3.0-or-later
internal import CWiredTiger
internal import Synchronization

/// One WiredTiger database in a folder of its own, encrypted or in plaintext.
///
/// A store never shows itself empty because files are gone: it looks for them before WiredTiger does. Sessions keep
/// their store alive; `close()` refuses while any is open.
public final class Store: Sendable {
  private struct State {
    var connection: Connection?
    var openSessions = 0
  }

  /// The folder.
  public let path: String
  /// How it was opened.
  public let options: StoreOptions
  let monitor: StoreMonitor
  private let state: Mutex<State>
  // Held over the creation and the drop of a table, which are rare: the file and the engine must agree.
  private let manifest: Mutex<StoreManifest>

  private init(
    path: String, options: StoreOptions, monitor: StoreMonitor, connection: Connection, manifest: StoreManifest
  ) {
    self.path = path
    self.options = options
    self.monitor = monitor
    state = Mutex(State(connection: connection))
    self.manifest = Mutex(manifest)
  }

  deinit {
    // Sessions retain the store, so none is open here.
    if let connection = state.withLock({ $0.connection.take() }) { _ = connection.close() }
  }

  /// Creates a store in a folder that is empty or not there yet (it is made with mode 0700).
  ///
  /// Throws `exists` if the folder holds anything, `missingKey` if the key source has no system key. A crash before
  /// this returns leaves a folder that `open` refuses as incomplete.
  public static func create(
    at path: String, options: StoreOptions = StoreOptions(), keys: any PageKeySource = NoPageKeys(),
    events: StoreEvents = StoreEvents()
  ) throws(StoreError) -> Store {
    let doing = "creating the store \(path)"
    try Configuration.check(options, doing: doing)
    try requireSystemKey(options, keys, doing: doing)
    let snappy = try snappyPath(options, doing: doing)
    try StoreFiles.prepareNewFolder(path, doing: doing)
    let monitor = StoreMonitor(folder: path, keys: keys, events: events)
    let configuration = Configuration.connection(options, creating: true, snappyPath: snappy)
    let connection = try Connection(home: path, configuration: configuration, monitor: monitor)
    _ = monitor.finishOpening()
    let manifest = StoreManifest(systemKeyID: options.systemKeyID)
    do throws(StoreError) {
      try manifest.write(to: path)
    } catch {
      _ = connection.close()
      throw error
    }
    return Store(path: path, options: options, monitor: monitor, connection: connection, manifest: manifest)
  }

  /// Opens a store that `create` made, and recovers it if it was not closed.
  ///
  /// Throws `missingFile` or `damaged` naming the file, `wrongKey`, `missingKey`, or `busy` if it is open elsewhere.
  public static func open(
    at path: String, options: StoreOptions = StoreOptions(), keys: any PageKeySource = NoPageKeys(),
    events: StoreEvents = StoreEvents()
  ) throws(StoreError) -> Store {
    let doing = "opening the store \(path)"
    try Configuration.check(options, doing: doing)
    try requireSystemKey(options, keys, doing: doing)
    let manifest = try StoreManifest.read(from: path, doing: doing)
    guard manifest.systemKeyID == options.systemKeyID else {
      let has = manifest.systemKeyID.map { "is encrypted under the key \($0)" } ?? "is in plaintext"
      throw StoreError(.wrongKey, doing: doing, detail: "the store \(has); a copy is needed to change that")
    }
    try DamageMark.check(path, doing: doing)
    try StoreFiles.check(path, manifest, doing: doing)
    let snappy = try snappyPath(options, doing: doing)
    let monitor = StoreMonitor(folder: path, keys: keys, events: events)
    let configuration = Configuration.connection(options, creating: false, snappyPath: snappy)
    let connection: Connection
    do throws(StoreError) {
      connection = try Connection(home: path, configuration: configuration, monitor: monitor)
    } catch { throw Self.opening(error) }
    if let complaint = monitor.finishOpening() {
      _ = connection.close()
      throw DamageMark.error(doing: doing, file: complaint.file, reason: complaint.text)
    }
    let store = Store(path: path, options: options, monitor: monitor, connection: connection, manifest: manifest)
    try store.finishInterruptedChanges()
    return store
  }

  /// Whether the engine has stopped after a damage; every call fails from then on.
  public var isPanicked: Bool { monitor.isPanicked }

  /// Sessions that are open now.
  public var openSessionCount: Int { state.withLock { $0.openSessions } }

  /// Opens a session. Throws `closed`, or `panic` after a damage.
  ///
  /// A thread that commits in one session while it has a transaction open in another needs `ignoringCacheSize` for the
  /// first: otherwise, once the open transaction has filled the cache, the commit waits for room that only the end of
  /// that transaction makes.
  public func openSession(ignoringCacheSize: Bool = false) throws(StoreError) -> Session {
    let doing = "opening a session"
    let handle: SessionHandle = try state.withLock { state throws(StoreError) in
      guard let connection = state.connection else { throw Self.closed(doing) }
      let handle = try SessionHandle(
        connection, store: self, configuration: ignoringCacheSize ? "ignore_cache_size=true" : nil, doing: doing)
      state.openSessions += 1
      return handle
    }
    return Session(handle)
  }

  /// Closes the store with a last checkpoint; closing twice is fine.
  ///
  /// Throws `busy` while sessions are open, and then leaves the store open. Any other error tells that the last
  /// checkpoint did not happen; the store is closed nevertheless.
  public func close() throws(StoreError) {
    let doing = "closing the store \(path)"
    let connection: Connection? = try state.withLock { state throws(StoreError) in
      guard state.openSessions == 0 else {
        throw StoreError(.busy, doing: doing, detail: "\(state.openSessions) sessions are still open")
      }
      return state.connection.take()
    }
    guard let connection else { return }
    let result = connection.close()
    if result != 0 { throw monitor.failure(result, doing: doing) }
  }

  /// The names of all tables, sorted.
  public var tableNames: [String] { manifest.withLock { $0.tableNames } }

  /// The id of the key a table was created with; nil if it has none of its own or does not exist.
  public func keyID(ofTable name: String) -> String? { manifest.withLock { $0.tables[name]?.keyID } }

  /// The ids of all keys that the store's files are under, including those of tables whose drop is not finished.
  public var keyIDs: Set<String> {
    manifest.withLock { Set($0.tables.values.compactMap(\.keyID) + [$0.systemKeyID].compactMap(\.self)) }
  }

  func sessionDidClose() { state.withLock { $0.openSessions -= 1 } }

  /// Runs a change of the tables alone; `body` writes the manifest itself, through the function it gets.
  func changeTables(_ body: (inout StoreManifest) throws(StoreError) -> Void) throws(StoreError) {
    try manifest.withLock { manifest throws(StoreError) in try body(&manifest) }
  }

  static func closed(_ doing: String) -> StoreError {
    StoreError(.closed, doing: doing, detail: "it was closed before")
  }
}

extension Store {
  /// What a store that is there can't be opened for. Its own turtle holds configuration strings: where they were
  /// changed, WiredTiger says that the request makes no sense, or that something is not there.
  private static func opening(_ error: StoreError) -> StoreError {
    switch error.code {
    case .invalid, .notFound, .exists, .conflict:
      StoreError(
        .damaged, doing: error.doing, file: error.file ?? "WiredTiger.turtle", detail: error.detail,
        underlying: error.underlying)
    default: error
    }
  }

  private static func requireSystemKey(
    _ options: StoreOptions, _ keys: any PageKeySource, doing: String
  ) throws(StoreError) {
    guard let keyID = options.systemKeyID, keys.pageCipher(forKeyID: keyID) == nil else { return }
    throw StoreError(.missingKey, doing: doing, detail: "the key \(keyID) is not there or was revoked")
  }

  /// The extension is loaded whenever it exists, because tables may use it whatever the options say now.
  private static func snappyPath(_ options: StoreOptions, doing: String) throws(StoreError) -> String? {
    let path = SnappyExtension.find()
    if path == nil && options.compression == .snappy {
      throw StoreError(
        .missingFile, doing: doing, file: SnappyExtension.fileName,
        detail: "WiredTiger's snappy extension is not installed; install WiredTiger or choose no compression")
    }
    return path
  }

  /// Drops what an interrupted creation or drop left.
  private func finishInterruptedChanges() throws(StoreError) {
    let unfinished = manifest.withLock { $0.tables.filter { $0.value.state != .table }.keys.sorted() }
    if unfinished.isEmpty { return }
    let session = try openSession()
    defer { session.close() }
    for name in unfinished { try session.dropTable(name) }
  }
}
