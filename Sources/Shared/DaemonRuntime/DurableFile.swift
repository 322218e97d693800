// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc
public import Secrets

/// Files that are replaced as a whole: after a crash there is the old one or the new one, never a part.
public enum DurableFile {
  /// Writes beside, waits for the disk, gives the file its name and waits for the folder; readable by the owner only.
  public static func replace(_ path: String, with contents: [UInt8]) throws(SystemFault) {
    let beside = path + ".new"
    try OpenFile.remove(beside)
    let file = try OpenFile.creating(beside)
    try write(contents, to: file)
    try file.sync()
    try OpenFile.rename(beside, to: path)
    try OpenFile.syncFolder(of: path)
  }

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

  private static func write(_ contents: [UInt8], to file: borrowing OpenFile) throws(SystemFault) {
    var fault: SystemFault?
    unsafe contents.withUnsafeBytes { bytes in
      do throws(SystemFault) { try unsafe file.write(bytes) } catch { fault = error }
    }
    if let fault { throw fault }
  }
}
