// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Sealing
public import Secrets
internal import Synchronization

/// An open keystore: a node's database keys in memory, and their one file.
///
/// Every change is one replacement of the file and is on disk when the method returns. One writer at a time; readers
/// never wait for the disk. After a failed sync or rename it takes no more changes (`damaged`), but lends its keys on.
public final class Keystore: Sendable {
  /// What readers see.
  struct State: Sendable {
    var contents: KeystoreContents
    var secrets: [KeyID: Secret]
    var master: HeldMasterKey
  }

  private enum Condition: Sendable {
    /// Lends keys and takes changes.
    case open(State)
    /// Lends keys; the disk may hold the state shown or the one that was being written.
    case damaged(State, KeystoreError)
    /// Lends nothing, for good.
    case wiped

    var state: State? {
      switch self {
      case .open(let state), .damaged(let state, _): state
      case .wiped: nil
      }
    }
  }

  private let path: String
  private let condition: Mutex<Condition>
  /// Held while the file is replaced, and never by readers.
  private let writer: Mutex<KeystoreFile>

  init(file: KeystoreFile, contents: KeystoreContents, secrets: [KeyID: Secret], master: HeldMasterKey) {
    self.path = file.path
    self.writer = Mutex(file)
    self.condition = Mutex(.open(State(contents: contents, secrets: secrets, master: master)))
  }

  /// The number of the state on disk, one higher at each replacement; 0 once wiped.
  public var version: UInt64 { state?.contents.version ?? 0 }
  /// The keys, in the order they were made; none once wiped.
  public var keys: [KeyDescriptor] {
    state?.contents.entries.map {
      KeyDescriptor(id: $0.id, createdAtMilliseconds: $0.wrapped.createdAtMilliseconds)
    } ?? []
  }
  /// Whose keystore it is; nil once wiped.
  public var identity: KeystoreIdentity? { state?.contents.identity }
  /// The id of the master key; nil once wiped.
  public var masterKeyID: MasterKeyID? { state?.contents.masterKeyID }
  /// The check value of the master key; nil once wiped.
  public var masterKeyCheckValue: KeyCheckValue? { state?.contents.masterKeyCheckValue }
  /// The master key as the KMS wrapped it; nil once wiped.
  public var wrappedMasterKey: WrappedMasterKey? { state?.contents.wrappedMasterKey }
  /// Whether it takes changes; false after a failed sync and after `wipe`.
  public var isWritable: Bool { condition.withLock { if case .open = $0 { true } else { false } } }

  private var state: State? { condition.withLock { $0.state } }

  /// Whether this is the master key in use, compared byte by byte in constant time; false once wiped.
  public func isUnder(_ master: borrowing MasterKey) -> Bool {
    guard let state else { return false }
    return state.master.key.isSame(as: master)
  }

  /// The newest key of a scope; nil if it has none.
  public func currentKey(for scope: KeyScope) -> KeyID? { state?.contents.current[scope] }

  /// Lends a key for the length of `body`; nil if there is none of that id, or the keys were wiped.
  public func withKey<Result: ~Copyable, Failure: Error>(
    _ id: KeyID, _ body: (borrowing SecretBytes) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard let secret = state?.secrets[id] else { return nil }
    return try secret.withSecret(body)
  }

  /// A cipher under a key, with a copy of it: revoke the cipher before the keys are wiped.
  ///
  /// Throws `unknownKey`, `wiped`, `cryptography`.
  public func cipher(for id: KeyID) throws(KeystoreError) -> PageCipher {
    guard let state else { throw wiped() }
    guard let secret = state.secrets[id] else {
      throw KeystoreError(.unknownKey, "the keystore \(path) has no key \(id)")
    }
    do throws(SealingError) {
      return try secret.withSecret { (key) throws(SealingError) in try PageCipher(key: key) }
    } catch { throw .cryptography("key \(id)", error) }
  }

  /// Lends the master key for the length of `body`: to make the keystore of another generation. Throws `wiped`.
  public func withMasterKey<Result: ~Copyable>(
    _ body: (borrowing MasterKey) throws(KeystoreError) -> Result
  ) throws(KeystoreError) -> Result {
    guard let state else { throw wiped() }
    return try body(state.master.key)
  }

  /// Drops the master key and every key; each is wiped when the last call that borrowed it returns. For good.
  public func wipe() { condition.withLock { $0 = .wiped } }

  private func wiped() -> KeystoreError { KeystoreError(.wiped, "the keys of \(path) were wiped") }

  /// Replaces the file by what `change` makes of the state, whose version is the new one already.
  func replace<Result>(
    expecting expected: UInt64?, _ change: (inout State) throws(KeystoreError) -> Result
  ) throws(KeystoreError) -> Result {
    try writer.withLock { (file) throws(KeystoreError) in
      var draft = try draft(expecting: expected)
      try draft.contents.advanceVersion()
      let result = try change(&draft)
      let bytes = try draft.contents.encoded(authenticatedBy: draft.master.key)
      do throws(KeystoreFile.Failure) { try file.replace(with: bytes) } catch { throw record(error) }
      try condition.withLock { (condition) throws(KeystoreError) in
        guard case .open = condition else { throw wiped() }
        condition = .open(draft)
      }
      return result
    }
  }

  private func draft(expecting expected: UInt64?) throws(KeystoreError) -> State {
    try condition.withLock { (condition) throws(KeystoreError) in
      switch condition {
      case .wiped: throw wiped()
      case .damaged(_, let error): throw error
      case .open(let state):
        guard expected.map({ $0 == state.contents.version }) ?? true else {
          throw KeystoreError(
            .versionConflict,
            "the keystore \(path) is at version \(state.contents.version), not at \(expected ?? 0) any more; look again"
          )
        }
        return state
      }
    }
  }

  private func record(_ failure: KeystoreFile.Failure) -> KeystoreError {
    guard failure.leavesDoubt else {
      return KeystoreError(
        .storage, "can't write the keystore \(path); nothing changed", underlying: failure.underlying)
    }
    let error = KeystoreError(
      .damaged,
      "the keystore \(path) failed at \(failure.step) and takes no more changes; check the disk, then restart",
      underlying: failure.underlying)
    condition.withLock { condition in
      if case .open(let state) = condition { condition = .damaged(state, error) }
    }
    return error
  }
}
