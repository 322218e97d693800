// SPDX-License-Identifier: GPL-3.0-or-later

internal import FoundationEssentials
internal import KeyManagement
internal import Sealing
internal import Secrets

/// What a local KMS keeps on disk and in secret memory: its state, sealed under the root key, and the opened keys.
///
/// Each change is durable before it is answered: the state is one small file that is replaced.
struct LocalKMSVault: ~Copyable {
  private static let rootFile = "root.key"
  private static let stateFile = "state.sealed"
  /// The root key until there is a state under it: a first start that was interrupted begins anew.
  private static let firstRootFile = "root.key.first"
  /// What a folder that was ever served has beside its state.
  private static let traces = [rootFile, LocalKMSServer.credentialsFile, AuditLog.fileName]
  private static let stateLabel = Array("keyfold local KMS state 1".utf8)

  /// The folder.
  let directory: StateDirectory
  private let root: PageCipher
  /// What is remembered, as it is on disk.
  private(set) var state: LocalKMSState
  private var ciphers: [String: PageCipher] = [:]
  private var secrets: [String: Secret] = [:]

  /// Opens the folder's state; a folder that was never served gets a root key and an empty state. One that lost its
  /// state is refused: an empty one in its place would hide that every key is gone.
  init(directory: consuming StateDirectory) throws(LocalKMSError) {
    let sealed = try directory.read(Self.stateFile)
    if sealed == nil { try Self.refuseLostState(in: directory) }
    let root = try Self.rootCipher(in: directory, isNew: sealed == nil)
    let state =
      if let sealed { try Self.opened(sealed, root, folder: directory.path) } else { LocalKMSState() }
    if sealed == nil { try directory.replace(Self.stateFile, with: try Self.sealed(state, root)) }
    if try directory.read(Self.rootFile) == nil { try directory.rename(Self.firstRootFile, to: Self.rootFile) }
    var ciphers: [String: PageCipher] = [:]
    for key in state.keys.values { try Self.addCiphers(of: key, root, to: &ciphers) }
    var secrets: [String: Secret] = [:]
    for (id, key) in state.accessKeys { secrets[id] = Secret(try Self.open(key.sealedSecret, for: id, root)) }
    self.root = root
    self.state = state
    self.ciphers = ciphers
    self.secrets = secrets
    self.directory = directory
  }

  /// Whether the folder was given up; then nothing may be changed any more.
  private(set) var isClosed = false

  /// Gives the folder up.
  mutating func close() {
    isClosed = true
    directory.unlock()
  }

  /// The cipher of one of a key's materials.
  borrowing func cipher(_ keyID: String, rotation: Int) -> PageCipher? { ciphers["\(keyID)#\(rotation)"] }

  /// The secret of an access key.
  borrowing func secret(_ accessKeyID: String) -> Secret? { secrets[accessKeyID] }

  /// Makes `next` the state, on disk first; keys it no longer has are wiped.
  mutating func replace(with next: LocalKMSState) throws(LocalKMSError) {
    try directory.replace(Self.stateFile, with: try Self.sealed(next, root))
    state = next
    for name in ciphers.keys where next.keys[String(name.prefix { $0 != "#" })] == nil {
      ciphers.removeValue(forKey: name)?.revoke()
    }
    for id in secrets.keys where next.accessKeys[id] == nil { secrets[id] = nil }
    for key in next.keys.values { try Self.addCiphers(of: key, root, to: &ciphers) }
    for (id, key) in next.accessKeys where secrets[id] == nil {
      secrets[id] = Secret(try Self.open(key.sealedSecret, for: id, root))
    }
  }

  /// A key's material or another secret, opened for one operation.
  borrowing func open(_ sealed: String, for id: String) throws(LocalKMSError) -> SecretBytes {
    try Self.open(sealed, for: id, root)
  }

  /// A token that only this server can make and read: what it says, sealed under the root key for one purpose.
  borrowing func token(_ contents: some Encodable, purpose: String) throws(LocalKMSError) -> String {
    do {
      return Base64URL.text(
        try root.seal(Array(try JSONEncoder().encode(contents)), authenticating: Array("token \(purpose)".utf8)))
    } catch {
      throw LocalKMSError(.cryptography, "a token cannot be made", underlying: error)
    }
  }

  /// What a token says; nil if it is none of this server and purpose.
  borrowing func contents<Contents: Decodable>(of token: String, purpose: String, as: Contents.Type) -> Contents? {
    guard let sealed = Base64URL.bytes(token),
      let opened = try? root.open(sealed, authenticating: Array("token \(purpose)".utf8))
    else { return nil }
    return try? JSONDecoder().decode(Contents.self, from: Data(opened))
  }

  /// Seals a key's material or an access key's secret for the state.
  borrowing func seal(_ secret: borrowing SecretBytes, for id: String) throws(LocalKMSError) -> String {
    do { return Base64.text(try root.seal(secret, authenticating: Array(id.utf8))) } catch {
      throw LocalKMSError(.cryptography, "a key cannot be sealed", underlying: error)
    }
  }

  /// Opens the materials of a key that are not there yet.
  private static func addCiphers(
    of key: LocalKMSState.Key, _ root: PageCipher, to ciphers: inout [String: PageCipher]
  ) throws(LocalKMSError) {
    for rotation in 0...key.rotation where ciphers["\(key.id)#\(rotation)"] == nil {
      guard let sealed = key.material(rotation) else { continue }
      let material = try open(sealed, for: key.id, root)
      do { ciphers["\(key.id)#\(rotation)"] = try PageCipher(key: material) } catch {
        throw LocalKMSError(.cryptography, "key \(key.id) cannot be used", underlying: error)
      }
    }
  }

  private static func open(_ sealed: String, for id: String, _ root: PageCipher) throws(LocalKMSError) -> SecretBytes {
    guard let bytes = Base64.bytes(sealed) else { throw LocalKMSError(.damaged, "\(id) in the state is not base64") }
    do { return try root.openSecret(bytes, authenticating: Array(id.utf8)) } catch {
      throw LocalKMSError(.damaged, "\(id) in the state does not open under the root key", underlying: error)
    }
  }

  private static func sealed(_ state: LocalKMSState, _ root: PageCipher) throws(LocalKMSError) -> [UInt8] {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = .sortedKeys
      return try root.seal(Array(try encoder.encode(state)), authenticating: stateLabel)
    } catch {
      throw LocalKMSError(.cryptography, "the state cannot be sealed", underlying: error)
    }
  }

  private static func opened(_ sealed: [UInt8], _ root: PageCipher, folder: String) throws(LocalKMSError)
    -> LocalKMSState
  {
    do {
      let opened = Data(try root.open(sealed, authenticating: stateLabel))
      let state = try JSONDecoder().decode(LocalKMSState.self, from: opened)
      guard state.version == LocalKMSState.currentVersion else {
        throw LocalKMSError(.damaged, "\(folder)/\(stateFile) has format \(state.version); a newer program wrote it")
      }
      return state
    } catch let error as LocalKMSError {
      throw error
    } catch {
      throw LocalKMSError(
        .damaged, "\(folder)/\(stateFile) does not open under root.key; restore both from one backup",
        underlying: error)
    }
  }

  private static func refuseLostState(in directory: borrowing StateDirectory) throws(LocalKMSError) {
    let path = directory.path
    guard let trace = traces.first(where: { DurableFile.exists("\(path)/\($0)") }) else { return }
    throw LocalKMSError(
      .damaged,
      "\(path)/\(stateFile) is missing, although \(trace) is there; it holds every key: restore it from a copy")
  }

  private static func rootCipher(in directory: borrowing StateDirectory, isNew: Bool) throws(LocalKMSError)
    -> PageCipher
  {
    do {
      // A first start that was interrupted before its key had its name goes on; one before its state begins anew.
      let name = DurableFile.exists("\(directory.path)/\(rootFile)") ? rootFile : firstRootFile
      if !isNew, var bytes = try directory.read(name) {
        defer { SecretBytes.wipe(&bytes) }
        return try PageCipher(key: try SecretBytes(copying: bytes))
      }
      guard isNew else {
        throw LocalKMSError(.damaged, "\(directory.path)/root.key is missing; without it no key can be opened")
      }
      let key = try SecretBytes.random(count: PageCipher.keyBytes)
      var bytes = key.unprotectedCopy()
      defer { SecretBytes.wipe(&bytes) }
      try directory.replace(firstRootFile, with: bytes)
      return try PageCipher(key: key)
    } catch let error as LocalKMSError {
      throw error
    } catch {
      throw LocalKMSError(.cryptography, "\(directory.path)/root.key cannot be used", underlying: error)
    }
  }
}
