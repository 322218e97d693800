// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import EncryptedStore
internal import FailurePoints
internal import Foundation
internal import Glibc
internal import KeyHierarchy

/// A node's data directory: one folder per generation, and the file `CURRENT` that names the live one.
///
/// ```
/// DATA/CURRENT                      the live generation's id
/// DATA/generations/UUID/keystore    wrapped keys, if encrypted
/// DATA/generations/UUID/store/      WiredTiger's files
/// DATA/generations/UUID/floor       what the member has acknowledged
/// ```
/// Replacing `CURRENT` is the one moment in which a new generation takes over: before it the old one is whole, after it
/// the new one is.
public struct GenerationDirectory: Sendable {
  /// The data directory.
  public let root: String

  /// The name of the file that names the live generation.
  public static let currentFile = "CURRENT"
  static let floorFile = "floor"
  private static let folder = "generations"
  /// Tells a lost `CURRENT` from a first formation that was cut off: only a generation that served holds it.
  private static let servedMarker = "served"
  private static let partialMarker = "partial"

  /// Names a data directory; `prepare` makes it.
  public init(root: String) { self.root = root }

  /// Makes the folders, readable by their owner only, where they are missing.
  public func prepare() throws(MemberError) {
    for path in [root, root + "/" + Self.folder] { try makeFolder(path) }
  }

  /// What is free on the disk of the directory for this process, and the size of its file system, in bytes; nil if the
  /// system can't say.
  public func room() -> (free: UInt64, total: UInt64)? {
    var found = statvfs()
    guard unsafe statvfs(root, &found) == 0 else { return nil }
    let unit = UInt64(found.f_frsize)
    let bytes = [UInt64(found.f_bavail), UInt64(found.f_blocks)].map {
      let (bytes, overflow) = $0.multipliedReportingOverflow(by: unit)
      return overflow ? UInt64.max : bytes
    }
    return (bytes[0], bytes[1])
  }

  /// The folder of a generation.
  public func path(of id: GenerationID) -> String { "\(root)/\(Self.folder)/\(id.text)" }
  /// The keystore of a generation.
  public func keystorePath(of id: GenerationID) -> String { path(of: id) + "/keystore" }
  /// WiredTiger's folder of a generation.
  public func storePath(of id: GenerationID) -> String { path(of: id) + "/store" }

  /// The file that says what a generation's member has acknowledged.
  func floorPath(of id: GenerationID) -> String { path(of: id) + "/" + Self.floorFile }

  /// The live generation, nil if there is none yet; a `CURRENT` that names no generation is damage.
  public func current() throws(MemberError) -> GenerationID? {
    let path = "\(root)/\(Self.currentFile)"
    guard FileManager.default.fileExists(atPath: path) else {
      if try all().contains(where: { hasServed($0) }) {
        throw MemberError(
          .damaged,
          "\(path) is missing but there are generations; put it back, or remove \(root) for a new initial sync",
          file: Self.currentFile)
      }
      return nil
    }
    let bytes: [UInt8]
    do { bytes = try DurableFile.read(path, limit: 256) } catch { throw MemberError(error) }
    let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    guard let id = try? GenerationID(text), FileManager.default.fileExists(atPath: self.path(of: id)) else {
      throw MemberError(
        .damaged, "\(path) does not name a generation that exists", file: Self.currentFile)
    }
    return id
  }

  /// Whether a generation's keystore exists: it is encrypted.
  public func isEncrypted(_ id: GenerationID) -> Bool {
    FileManager.default.fileExists(atPath: keystorePath(of: id))
  }

  /// Makes the folder of a new generation.
  public func create(_ id: GenerationID) throws(MemberError) {
    FailurePoint.reach("generation.create.before")
    try makeFolder(path(of: id))
    try sync(root + "/" + Self.folder)
    FailurePoint.reach("generation.create.after")
  }

  /// Makes `id` the live generation, durably.
  public func point(at id: GenerationID) throws(MemberError) {
    try sync(path(of: id))
    FailurePoint.reach("current.before")
    do { try DurableFile.replace("\(root)/\(Self.currentFile)", with: Array((id.text + "\n").utf8)) } catch {
      throw MemberError(error)
    }
    FailurePoint.reach("current.after")
  }

  /// Remembers that a generation served, so that a `CURRENT` that gets lost later is noticed.
  public func markServed(_ id: GenerationID) throws(MemberError) {
    guard !hasServed(id) else { return }
    FailurePoint.reach("served.before")
    do { try DurableFile.replace("\(path(of: id))/\(Self.servedMarker)", with: []) } catch { throw MemberError(error) }
    FailurePoint.reach("served.after")
  }

  /// Notes that a copy is being made into a generation: it may go on after a crash. `mark` is the caller's.
  public func markPartial(_ id: GenerationID, _ mark: String) throws(MemberError) {
    do { try DurableFile.replace("\(path(of: id))/\(Self.partialMarker)", with: Array(mark.utf8)) } catch {
      throw MemberError(error)
    }
  }

  /// The mark of a generation that a copy is being made into; nil if none is, or if it has served since.
  public func partialMark(of id: GenerationID) -> String? {
    guard !hasServed(id), let bytes = try? DurableFile.read("\(path(of: id))/\(Self.partialMarker)", limit: 4_096)
    else {
      return nil
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// All generations that are not the live one.
  public func superseded(by live: GenerationID?) throws(MemberError) -> [GenerationID] {
    try all().filter { $0 != live }
  }

  /// Destroys a generation: its keystore first, durably, then its files. Unlinking does not erase blocks.
  public func destroy(_ id: GenerationID) throws(MemberError) {
    let folder = path(of: id)
    guard FileManager.default.fileExists(atPath: folder) else { return }
    FailurePoint.reach("generation.destroy.before")
    try destroyKeystore(of: id)
    FailurePoint.reach("generation.destroy.keystore")
    do { try FileManager.default.removeItem(atPath: folder) } catch {
      throw MemberError(
        .storage, "generation \(id) could not be destroyed: \(error.localizedDescription)", file: id.text)
    }
    try sync(root + "/" + Self.folder)
    FailurePoint.reach("generation.destroy.after")
  }

  /// Destroys every generation: all keystores first, durably, then the files, then what names the live one.
  public func destroyEverything() throws(MemberError) {
    var failure: MemberError?
    for id in try all() {
      do throws(MemberError) { try destroyKeystore(of: id) } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
    FailurePoint.reach("leave.keystores")
    for id in try all() { try destroy(id) }
    FailurePoint.reach("leave.files")
    let path = "\(root)/\(Self.currentFile)"
    guard FileManager.default.fileExists(atPath: path) else { return }
    do { try FileManager.default.removeItem(atPath: path) } catch {
      throw MemberError(.storage, "\(path) could not be removed: \(error.localizedDescription)", file: Self.currentFile)
    }
    try sync(root)
  }

  private func destroyKeystore(of id: GenerationID) throws(MemberError) {
    do { try SealedKeystore.destroy(at: keystorePath(of: id)) } catch {
      throw MemberError(.storage, "the keystore of \(id) could not be destroyed: \(error)", file: id.text)
    }
  }

  private func all() throws(MemberError) -> [GenerationID] {
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: root + "/" + Self.folder) } catch {
      throw MemberError(.storage, "\(root)/\(Self.folder) can't be listed: \(error.localizedDescription)")
    }
    return names.compactMap { try? GenerationID($0) }.sorted()
  }

  private func hasServed(_ id: GenerationID) -> Bool {
    FileManager.default.fileExists(atPath: "\(path(of: id))/\(Self.servedMarker)")
  }

  private func makeFolder(_ path: String) throws(MemberError) {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw MemberError(.storage, "\(path) can't be made: \(error.localizedDescription)")
    }
  }

  private func sync(_ path: String) throws(MemberError) {
    do { try DurableFile.syncDirectory(path) } catch { throw MemberError(error) }
  }
}
