// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc
internal import Secrets

/// A store's small files: replaced whole by `Secrets.DurableFile`, with a store's errors.
public enum DurableFile {
  /// Replaces a file, readable by its owner only: writes beside it, syncs, renames, syncs the folder.
  ///
  /// Throws `fsyncFailed` if the disk did not confirm; then either contents may be there after a crash.
  public static func replace(_ path: String, with bytes: [UInt8]) throws(StoreError) {
    let doing = "writing \(path)"
    do throws(Secrets.DurableFile.Failure) {
      try Secrets.DurableFile.replaceByStep(path, with: bytes)
    } catch {
      if error.isUnconfirmed { throw unconfirmed(error.fault, doing, path) }
      throw StoreError.system(error.fault.number, doing: doing, file: path)
    }
  }

  /// Makes what was created, renamed or removed in a folder durable.
  public static func syncDirectory(_ path: String) throws(StoreError) {
    let doing = "syncing the folder \(path)"
    do throws(SystemFault) { try Secrets.DurableFile.syncFolder(path) } catch {
      // A folder that can't be opened was not synced, but nothing is in doubt either.
      if [ENOENT, ENOTDIR, EACCES, EMFILE, ENFILE].contains(error.number) {
        throw StoreError.system(error.number, doing: doing, file: path)
      }
      throw unconfirmed(error, doing, path)
    }
  }

  /// Reads a whole file. Throws `missingFile` if it is not there, `damaged` if it has more than `limit` bytes.
  public static func read(_ path: String, limit: Int = 16 << 20) throws(StoreError) -> [UInt8] {
    let doing = "reading \(path)"
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw StoreError.system(errno, doing: doing, file: path) }
    defer { close(file) }
    var contents: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw StoreError.system(errno, doing: doing, file: path) }
      if count == 0 { return contents }
      contents += chunk[..<count]
      if contents.count > limit {
        throw StoreError(.damaged, doing: doing, file: path, detail: "the file is larger than \(limit) bytes")
      }
    }
  }

  /// The folder a path lies in.
  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  private static func unconfirmed(_ fault: SystemFault, _ doing: String, _ path: String) -> StoreError {
    StoreError(
      .fsyncFailed, doing: doing, file: path,
      detail: "the disk did not confirm the write; check the disk before using this data", underlying: fault.number)
  }
}
