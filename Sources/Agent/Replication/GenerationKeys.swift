// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import EncryptedStore
public import KeyHierarchy
public import Sealing
internal import Synchronization

/// A key id as the storage engine's configuration strings can carry it: `k` and the id's bytes in hexadecimal, because
/// a database's name may hold what those strings use as punctuation.
enum EngineKeyName {
  static func name(of id: KeyID) -> String { "k" + Hexadecimal.text(of: Array(id.text.utf8)) }

  static func keyID(of name: String) -> KeyID? {
    guard name.hasPrefix("k"), let bytes = Hexadecimal.bytes(of: String(name.dropFirst())) else { return nil }
    return try? KeyID(String(decoding: bytes, as: UTF8.self))
  }
}

/// The keys of one open generation: what the storage engine asks for ciphers, backed by the generation's keystore.
///
/// A plaintext generation has no keystore and hands out nothing.
public final class GenerationKeys: PageKeySource, Sendable {
  /// The keystore, nil for a plaintext generation.
  public let keystore: Keystore?
  private let ciphers = Mutex<[String: PageCipher]>([:])

  /// Takes an open keystore, or nil for a plaintext generation.
  public init(keystore: Keystore?) { self.keystore = keystore }

  /// The key of WiredTiger's metadata and journal; nil for a plaintext generation.
  public var systemKeyID: KeyID? { keystore?.currentKey(for: .system) }
  /// The key of the oplog; nil for a plaintext generation.
  public var oplogKeyID: KeyID? { keystore?.currentKey(for: .oplog) }

  /// The cipher of a key id, made from the keystore once and shared by all tables under that key.
  public func pageCipher(forKeyID keyID: String) -> PageCipher? {
    guard let keystore, let id = EngineKeyName.keyID(of: keyID) else { return nil }
    return ciphers.withLock { known in
      if let cipher = known[keyID] { return cipher }
      guard let cipher = try? keystore.cipher(for: id) else { return nil }
      known[keyID] = cipher
      return cipher
    }
  }

  /// Makes a new key for a database, durable on return; nil for a plaintext generation.
  func addKey(for database: DatabaseName) throws(MemberError) -> KeyID? {
    guard let keystore else { return nil }
    do { return try keystore.addKey(for: .database(database)) } catch {
      throw MemberError(
        error.code == .limit ? .invalid : .storage,
        "a key for database \(database) could not be added to the keystore: \(error)", file: "keystore")
    }
  }

  /// Removes keys that no file and no record needs any more.
  func removeKeys(_ ids: [KeyID]) throws(MemberError) {
    guard let keystore, !ids.isEmpty else { return }
    do { try keystore.removeKeys(Set(ids)) } catch {
      throw MemberError(.storage, "keys could not be removed from the keystore: \(error)", file: "keystore")
    }
    let unused = ciphers.withLock { known in ids.compactMap { known.removeValue(forKey: EngineKeyName.name(of: $0)) } }
    for cipher in unused { cipher.revoke() }
  }

  /// Frees every cipher and wipes the keystore's keys; only after the store is closed.
  public func wipe() {
    let all = ciphers.withLock { known in
      defer { known = [:] }
      return Array(known.values)
    }
    for cipher in all { cipher.revoke() }
    keystore?.wipe()
  }
}
