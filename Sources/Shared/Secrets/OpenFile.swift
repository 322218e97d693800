// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// An open file descriptor with one owner; the few calls that secret files and the keystore need.
package struct OpenFile: ~Copyable {
  /// What fstat(2) says of a file.
  package struct Status: Sendable {
    package let size: Int
    package let mode: UInt32
    package let owner: UInt32
    package let isRegular: Bool
  }

  private let descriptor: Int32

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { _ = close(descriptor) }

  /// Opens a file for reading.
  package static func reading(_ path: String) throws(SystemFault) -> OpenFile {
    // Not blocking: a FIFO in the file's place must not hold up the start.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { throw .last }
    return OpenFile(descriptor: descriptor)
  }

  /// Makes a new file that only its owner may read and write; fails if there is one.
  package static func creating(_ path: String) throws(SystemFault) -> OpenFile {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .last }
    let file = OpenFile(descriptor: descriptor)
    guard fchmod(descriptor, 0o600) == 0 else { throw .last }
    return file
  }

  /// Size, permissions and owner.
  package borrowing func status() throws(SystemFault) -> Status {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw .last }
    return Status(
      size: Int(status.st_size), mode: status.st_mode & 0o7777, owner: status.st_uid,
      isRegular: status.st_mode & S_IFMT == S_IFREG)
  }

  /// Reads from the current position until `target` is full or the file ends; answers how many bytes.
  package borrowing func read(into target: UnsafeMutableRawBufferPointer) throws(SystemFault) -> Int {
    var filled = 0
    while filled < target.count {
      let count = unsafe Glibc.read(descriptor, target.baseAddress?.advanced(by: filled), target.count - filled)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .last }
      if count == 0 { break }
      filled += count
    }
    return filled
  }

  /// Writes all bytes.
  package borrowing func write(_ source: UnsafeRawBufferPointer) throws(SystemFault) {
    var done = 0
    while done < source.count {
      let count = unsafe Glibc.write(descriptor, source.baseAddress?.advanced(by: done), source.count - done)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .last }
      done += count
    }
  }

  /// The next `count` bytes, fewer at the end of the file; for bytes that are no secret.
  package borrowing func read(count: Int) throws(SystemFault) -> [UInt8] {
    var fault: SystemFault?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { (buffer, filled) in
      do throws(SystemFault) { filled = try unsafe read(into: UnsafeMutableRawBufferPointer(buffer)) } catch {
        fault = error
      }
    }
    if let fault { throw fault }
    return bytes
  }

  /// Writes all bytes.
  package borrowing func write(_ bytes: RawSpan) throws(SystemFault) {
    try unsafe bytes.withUnsafeBytes { (bytes) throws(SystemFault) in try unsafe write(bytes) }
  }

  /// Waits until the file is on disk; a failure is damage and must not be tried again.
  package borrowing func sync() throws(SystemFault) {
    guard fsync(descriptor) == 0 else { throw .last }
  }
}

extension OpenFile {
  /// Gives a file another name, replacing what had it.
  package static func rename(_ from: String, to: String) throws(SystemFault) {
    guard unsafe Glibc.rename(from, to) == 0 else { throw .last }
  }

  /// Gives a file a second name; fails if there is a file of that name.
  package static func link(_ from: String, as to: String) throws(SystemFault) {
    guard unsafe Glibc.link(from, to) == 0 else { throw .last }
  }

  /// Removes a file; answers whether there was one.
  @discardableResult
  package static func remove(_ path: String) throws(SystemFault) -> Bool {
    if unsafe unlink(path) == 0 { return true }
    guard errno == ENOENT else { throw .last }
    return false
  }

  /// Waits until the names in the folder of `path` are on disk.
  package static func syncFolder(of path: String) throws(SystemFault) {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last }
    try OpenFile(descriptor: descriptor).sync()
  }
}
