// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import StateStore

/// What the coordinator remembers: the store in its own words, and secrets by project and version.
struct CoordinatorMemory: Sendable {
  /// How far above its own number an agent's epoch may be and still be believed; one start draws one number.
  static let furthestEpoch: UInt64 = 1000

  /// How many entries of the audit record are kept.
  static let retainedAuditEntries = StateStore.retainedAuditEntries

  /// A sealed secret and what it belongs to.
  struct SealedSecret: Sendable {
    /// Where it is kept, and where the one before was that it takes the place of.
    let id: String
    let former: String?
    let sealed: [UInt8]

    init(project: ProjectName, version: UInt64, sealed: [UInt8]) {
      id = CoordinatorMemory.id(project, version)
      former = nil
      self.sealed = sealed
    }

    init(mailVersion version: UInt64, sealed: [UInt8]) {
      id = CoordinatorMemory.mailID(version)
      former = version > 0 ? CoordinatorMemory.mailID(version - 1) : nil
      self.sealed = sealed
    }
  }

  private let store: StateStore
  /// Told about every change.
  var measures: CoordinatorMeasures?

  init(store: StateStore) { self.store = store }

  /// Opens the store in the data directory, or makes it.
  init(directory: String) throws(CoordinatorFault) {
    store = try Self.translating { () throws(StateStoreError) in try StateStore(folder: directory) }
  }

  /// Everything that was remembered.
  func records() throws(CoordinatorFault) -> [StateRecord] {
    try Self.translating { () throws(StateStoreError) in try store.records() }
  }

  /// Writes the changes in one transaction, together with a new secret. What a project's settings need no longer goes
  /// with the change that says so.
  func apply(_ changes: [RecordChange], secret: SealedSecret? = nil) throws(CoordinatorFault) {
    var secrets: [SecretChange] = []
    if let secret {
      secrets.append(.put(id: secret.id, sealed: secret.sealed))
      if let former = secret.former { secrets.append(.remove(id: former)) }
    }
    for case .put(.project(let project)) in changes {
      secrets += try stale(of: project).map { SecretChange.remove(id: $0) }
    }
    let start = ContinuousClock.now
    try Self.translating { () throws(StateStoreError) in try store.apply(changes, secrets: secrets) }
    measures?.wrote(since: start)
  }

  /// The secrets that a project's record has no use for.
  private func stale(of project: ProjectRecord) throws(CoordinatorFault) -> [String] {
    let kept = Set(project.keptSettings.map { Self.id(project.name, $0) })
    let prefix = Self.prefix(of: project.name)
    return try Self.translating { () throws(StateStoreError) in try store.secretIDs() }
      .filter { $0.hasPrefix(prefix) && !kept.contains($0) }
  }

  /// Where the audit record ends.
  func auditHead() throws(CoordinatorFault) -> AuditHead {
    try Self.translating { () throws(StateStoreError) in try store.auditHead() }
  }

  /// What the audit record begins after.
  func auditBase() throws(CoordinatorFault) -> AuditHead {
    try Self.translating { () throws(StateStoreError) in try store.auditBase() }
  }

  /// Entries of the audit record after a number, oldest first.
  func audit(after sequence: UInt64, limit: Int) throws(CoordinatorFault) -> [AuditLink] {
    try Self.translating { () throws(StateStoreError) in try store.audit(after: sequence, limit: limit) }
  }

  /// Takes the next epoch above `number`, and above every epoch before.
  func takeEpoch(above number: UInt64 = 0) throws(CoordinatorFault) -> Epoch {
    var epoch = try Self.translating { () throws(StateStoreError) in try store.nextEpoch() }
    for _ in 0..<Self.furthestEpoch where epoch.number <= number {
      epoch = try Self.translating { () throws(StateStoreError) in try store.nextEpoch() }
    }
    return epoch
  }

  /// Whether anything is sealed in it.
  func holdsSecrets() throws(CoordinatorFault) -> Bool {
    try Self.translating { () throws(StateStoreError) in try !store.secretIDs().isEmpty }
  }

  /// The sealed secret of a version of a project's settings, nil if there is none.
  func sealedSecret(of project: ProjectName, version: UInt64) throws(CoordinatorFault) -> [UInt8]? {
    try Self.translating { () throws(StateStoreError) in try store.secret(Self.id(project, version)) }
  }

  /// The sealed password of a version of the mail server's settings, nil if there is none.
  func sealedMailPassword(version: UInt64) throws(CoordinatorFault) -> [UInt8]? {
    try Self.translating { () throws(StateStoreError) in try store.secret(Self.mailID(version)) }
  }

  private static func mailID(_ version: UInt64) -> String { "mail/\(version)" }

  private static func prefix(of project: ProjectName) -> String { "kms/\(project)/" }

  private static func id(_ project: ProjectName, _ version: UInt64) -> String { "\(prefix(of: project))\(version)" }

  private static func translating<Value>(_ body: () throws(StateStoreError) -> Value) throws(CoordinatorFault) -> Value
  {
    do { return try body() } catch {
      throw CoordinatorFault(error.code == .locked ? .inUse : .storage, error.description, underlying: nil)
    }
  }
}
