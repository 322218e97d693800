// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// Small files that are replaced whole, so that a crash leaves the old or the new contents and nothing between.
public enum DurableFile {
  /// Replaces a file: writes beside it, syncs, renames, syncs the folder. The permissions are `mode` exactly.
  ///
  /// Throws `fsyncFailed` if the disk did not confirm; then either contents may be there after a crash.
  public static func replace(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(StoreError) {
    let doing = "writing \(path)"
    let beside = path + ".new"
    let file = unsafe open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, mode)
    guard file >= 0 else { throw StoreError.system(errno, doing: doing, file: beside) }
    do throws(StoreError) {
      guard fchmod(file, mode) == 0 else { throw StoreError.system(errno, doing: doing, file: beside) }
      try write(bytes, to: file, doing: doing)
      guard fsync(file) == 0 else { throw fsyncFailure(doing, beside) }
    } catch {
      close(file)
      unsafe unlink(beside)
      throw error
    }
    guard close(file) == 0 else { throw StoreError.system(errno, doing: doing, file: beside) }
    guard unsafe rename(beside, path) == 0 else { throw StoreError.system(errno, doing: doing, file: path) }
    try syncDirectory(folder(of: path))
  }

  /// Makes what was created, renamed or removed in a folder durable.
  public static func syncDirectory(_ path: String) throws(StoreError) {
    let doing = "syncing the folder \(path)"
    let folder = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw StoreError.system(errno, doing: doing, file: path) }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw fsyncFailure(doing, path) }
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

  private static func write(_ bytes: [UInt8], to file: Int32, doing: String) throws(StoreError) {
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { all in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: all[done...])
        return unsafe Glibc.write(file, rest.baseAddress, rest.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw StoreError.system(errno, doing: doing) }
      done += count
    }
  }

  private static func fsyncFailure(_ doing: String, _ path: String) -> StoreError {
    StoreError(
      .fsyncFailed, doing: doing, file: path,
      detail: "the disk did not confirm the write; check the disk before using this data", underlying: errno)
  }
}
