// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// Files that are replaced as a whole: after a crash there is the old one or the new one, never a part.
public enum DurableFile {
  /// What a replacement does, in order.
  package enum Step: Sendable { case create, write, sync, rename, syncFolder }

  /// A replacement that failed, and where.
  package struct Failure: Error {
    /// Where it failed.
    package let step: Step
    /// What the system said.
    package let fault: SystemFault

    /// Whether the disk did not confirm: either contents may be there after a crash. Never to be tried again.
    package var isUnconfirmed: Bool { step == .sync || step == .syncFolder }
  }

  /// Writes beside, waits for the disk, gives the file its name and waits for the folder; readable by the owner only.
  public static func replace(_ path: String, with contents: [UInt8]) throws(SystemFault) {
    do throws(Failure) { try replaceByStep(path, with: contents) } catch { throw error.fault }
  }

  /// Does as `replace` does, and tells which step failed. What an interrupted replacement left beside is removed first.
  package static func replaceByStep(_ path: String, with contents: [UInt8]) throws(Failure) {
    let beside = path + ".new"
    var step = Step.create
    do throws(SystemFault) {
      try OpenFile.remove(beside)
      let file = try OpenFile.creating(beside)
      step = .write
      try unsafe file.write(contents.span.bytes)
      step = .sync
      try file.sync()
      step = .rename
      try OpenFile.rename(beside, to: path)
      step = .syncFolder
      try OpenFile.syncFolder(of: path)
    } catch {
      if step != .syncFolder { _ = try? OpenFile.remove(beside) }
      throw Failure(step: step, fault: error)
    }
  }

  /// Makes what was created, renamed or removed in a folder durable.
  package static func syncFolder(_ path: String) throws(SystemFault) { try OpenFile.syncFolder(of: path + "/.") }

  /// Removes a file; answers whether there was one.
  @discardableResult
  public static func remove(_ path: String) throws(SystemFault) -> Bool { try OpenFile.remove(path) }

  /// Whether there is a file or folder of this name.
  public static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }

  /// Makes a folder for its owner only, and the folders above it; an existing one stays as it is.
  public static func makeFolder(_ path: String) throws(SystemFault) {
    var done = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      done += part + "/"
      if unsafe mkdir(done, 0o700) != 0 && errno != EEXIST { throw .last }
    }
  }
}
