// SPDX-License-Identifier: GPL-3.0-or-later
internal import FailurePoints
internal import Secrets

/// The file of a keystore: replaced as a whole, so that a crash leaves the old or the new one and nothing between.
///
/// Write beside, sync, rename, sync the folder.
package struct KeystoreFile: Sendable {
  /// What is about to happen, for tests and fault injection; `finished` is after all of it.
  package enum Step: Sendable, CaseIterable { case create, write, sync, rename, syncFolder, finished }

  /// What an injected fault does at a step.
  package enum Fault: Error, Sendable {
    /// Stop there, as if the process had died: nothing is tidied up.
    case crash
    /// The step fails with this error number.
    case system(Int32)
  }

  /// A replacement that failed.
  struct Failure: Error {
    let step: Step
    let underlying: any Error

    /// Whether the file may be the old or the new one now: syncs and renames are never tried again.
    var leavesDoubt: Bool {
      switch step {
      case .create, .write: isCrash
      case .sync, .rename, .syncFolder, .finished: true
      }
    }

    var isCrash: Bool { if case .crash? = underlying as? Fault { true } else { false } }
  }

  let path: String
  private let before: @Sendable (Step) throws(Fault) -> Void
  /// Only one process and in it one writer replaces the file, so one name is enough.
  private var unfinished: String { path + ".new" }

  package init(path: String, before: @escaping @Sendable (Step) throws(Fault) -> Void = { _ in }) {
    self.path = path
    self.before = before
  }

  /// Whether there is a file.
  func exists() -> Bool {
    do throws(SystemFault) { _ = try OpenFile.reading(path).status() } catch { return !error.isMissingFile }
    return true
  }

  /// The whole file. Throws `missing`, `storage`, and `corrupt` if it can be none by its kind or size.
  func read(limit: Int) throws(KeystoreError) -> [UInt8] {
    let bytes: [UInt8]?
    do throws(SystemFault) { bytes = try contents(limit: limit) } catch {
      guard !error.isMissingFile else {
        throw KeystoreError(.missing, "there is no keystore \(path); the node has to sync anew from another member")
      }
      throw KeystoreError(.storage, "can't read the keystore \(path)", underlying: error)
    }
    guard let bytes else {
      throw KeystoreError(.corrupt, "\(path) is no keystore: no regular file, or larger than \(limit) bytes")
    }
    return bytes
  }

  private func contents(limit: Int) throws(SystemFault) -> [UInt8]? {
    let file = try OpenFile.reading(path)
    let status = try file.status()
    guard status.isRegular, status.size <= limit else { return nil }
    return try file.read(count: status.size)
  }

  /// Puts `bytes` in the file's place; on disk when it returns.
  func replace(with bytes: [UInt8]) throws(Failure) {
    var step = Step.create
    do {
      try before(.create)
      FailurePoint.reach("keystore.write.before")
      try OpenFile.remove(unfinished)
      let file = try OpenFile.creating(unfinished)
      step = .write
      try before(.write)
      try unsafe file.write(bytes.span.bytes)
      step = .sync
      try before(.sync)
      try file.sync()
      step = .rename
      try before(.rename)
      FailurePoint.reach("keystore.rename.before")
      try OpenFile.rename(unfinished, to: path)
      FailurePoint.reach("keystore.rename.after")
      step = .syncFolder
      try before(.syncFolder)
      try OpenFile.syncFolder(of: path)
      FailurePoint.reach("keystore.sync.after")
      step = .finished
      try before(.finished)
    } catch {
      let failure = Failure(step: step, underlying: error)
      if !failure.leavesDoubt { removeUnfinished() }
      throw failure
    }
  }

  /// Removes what a crash left beside the file; it never became the keystore.
  func removeUnfinished() { _ = try? OpenFile.remove(unfinished) }

  /// Removes the file and what lies beside it; gone from disk when it returns. Doing it twice is no error.
  func destroy() throws(KeystoreError) {
    do throws(SystemFault) {
      try OpenFile.remove(path)
      try OpenFile.remove(unfinished)
      try OpenFile.syncFolder(of: path)
    } catch {
      if error.isMissingFile { return }
      throw KeystoreError(.storage, "can't remove the keystore \(path)", underlying: error)
    }
  }
}

extension KeystoreFile.Fault: CustomStringConvertible {
  /// The system's text for the injected error.
  package var description: String {
    switch self {
    case .crash: "injected crash"
    case .system(let number): SystemFault(number: number).description
    }
  }
}
