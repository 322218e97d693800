// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import DaemonRuntime
internal import Foundation
internal import Secrets
internal import StateStore
internal import Transport

/// A folder with what a coordinator needs to come back: its store and its CURVE key.
///
/// The root key that opens the store's secrets is not in it, so that who finds a backup finds no credential.
struct CoordinatorBackup {
  /// What says that a backup is whole; it is written last.
  struct Mark: Codable {
    /// When it was made, in milliseconds since 1970.
    var madeAt: OperatorTime
    var version: String
    /// The coordinator's public key, which its agents know.
    var coordinatorKey: String
    var content: StoreContent
  }

  /// What a restore did.
  struct Outcome: Encodable {
    var backup: Mark
    var data: String
    /// Where the store that was there before is kept.
    var formerStore: String?
    var secretsForgotten: Int
    /// Whether a root key lies in the data directory.
    var hasRootKey: Bool
  }

  static let markFile = "backup.json"
  static let keyFile = "coordinator.key"
  static let rootKeyFile = "root.key"

  let folder: String
  private var store: String { folder + "/" + StateStore.fileName }
  private var mark: String { folder + "/" + Self.markFile }
  private var key: String { folder + "/" + Self.keyFile }

  /// Fills the folder, which is made and has to be new or empty.
  func make(from data: String) throws -> Mark {
    let found = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    guard found.isEmpty else {
      throw OperatorFailure(
        .alreadyExists, what: "The folder \(folder) is not empty.", why: "A backup never replaces another.",
        next: "Name a folder that does not exist yet.")
    }
    let identity = try identity(data + "/" + Self.keyFile)
    try DurableFile.makeFolder(folder)
    let content = try StateStore.copy(folder: data, to: store)
    try identity.save(to: key)
    let made = Mark(
      madeAt: .now, version: KeyfoldVersion.text, coordinatorKey: identity.publicKey.text, content: content)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    try DurableFile.replace(mark, with: Array(try encoder.encode(made)))
    return made
  }

  /// Puts the backup into a stopped coordinator's data directory.
  func restore(to data: String, replacing: Bool, forgettingSecrets: Bool) throws -> Outcome {
    let made = try read()
    let identity = try identity(key)
    guard identity.publicKey.text == made.coordinatorKey else {
      throw OperatorFailure(
        .invalid, what: "The backup \(folder) does not fit together.",
        why: "Its \(Self.keyFile) is not the key its \(Self.markFile) names.", next: "Use another backup.")
    }
    try DurableFile.makeFolder(data)
    let place = data + "/" + Self.keyFile
    let present = DurableFile.exists(place) ? try self.identity(place).publicKey.text : nil
    guard present == nil || present == made.coordinatorKey || replacing else {
      throw OperatorFailure(
        .conflict, what: "\(data) belongs to another coordinator.",
        why: "Its key is \(present ?? ""), the backup's is \(made.coordinatorKey).",
        next: "Name another data directory, or take what is there away with --replace.")
    }
    // The key before the store: a store without it would be started under a new key, which no agent knows.
    if present == nil { try identity.save(to: place) }
    let (content, former) = try StateStore.restore(
      store, to: data, replacing: replacing, forgettingSecrets: forgettingSecrets)
    if let present, present != made.coordinatorKey {
      try FileManager.default.moveItem(atPath: place, toPath: place + ".replaced-\(UUID())")
      try identity.save(to: place)
    }
    return Outcome(
      backup: made, data: data, formerStore: former, secretsForgotten: made.content.secrets - content.secrets,
      hasRootKey: DurableFile.exists(data + "/" + Self.rootKeyFile))
  }

  private func read() throws -> Mark {
    guard let bytes = FileManager.default.contents(atPath: mark) else {
      throw OperatorFailure(
        .notFound, what: "\(folder) is no backup of a coordinator, or not a whole one.",
        why: "\(mark) is not there; it is written last.", next: "Use another backup.")
    }
    do { return try JSONDecoder().decode(Mark.self, from: bytes) } catch {
      throw OperatorFailure(
        .invalid, what: "\(mark) can't be read.", why: "It is not what 'keyfold coordinator backup' writes.",
        next: "Use another backup.")
    }
  }

  private func identity(_ path: String) throws -> CurveIdentity {
    do { return try CurveIdentity.load(from: path) } catch {
      throw OperatorFailure(
        .invalid, what: "The coordinator's key \(path) can't be used.", why: "\(error)",
        next: "Name the data directory of a coordinator that has run, and run as its user.")
    }
  }
}
