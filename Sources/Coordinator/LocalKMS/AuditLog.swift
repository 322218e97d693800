// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import KeyManagement
internal import Synchronization

/// The audit log: one JSON line per call, appended in one write.
///
/// Lines are not synced one by one: they survive a crash of the process, the last ones may not survive one of the
/// machine. A file that has grown to its size becomes `audit.jsonl.1`, and those before it move on by one.
struct AuditLog: ~Copyable {
  /// The file's name in the state folder.
  static let fileName = "audit.jsonl"
  /// The size at which a file is put aside, in bytes; it may be longer by one line.
  static let maximumFileBytes = 64 << 20
  /// How many files that were put aside are kept; older ones are removed.
  static let keptFiles = 4

  private struct File {
    var descriptor: Int32
    var size: Int
    /// Whether it ends within a line: the disk was full, or the machine stopped.
    var isTorn: Bool
  }

  private let path: String
  private let maximumBytes: Int
  private let file: Mutex<File>

  /// Opens or makes the log.
  init(in directory: borrowing StateDirectory, maximumBytes: Int = maximumFileBytes) throws(LocalKMSError) {
    path = "\(directory.path)/\(Self.fileName)"
    self.maximumBytes = maximumBytes
    guard let file = Self.open(path) else {
      throw LocalKMSError(.storage, "\(path) cannot be opened for appending")
    }
    self.file = Mutex(file)
  }

  deinit { file.withLock { _ = close($0.descriptor) } }

  /// Appends one line; answers whether all of it was written.
  borrowing func append(_ entry: AuditEntry) -> Bool {
    let line = entry.line
    return file.withLock { file in
      guard file.size < maximumBytes || rotate(&file) else { return false }
      // A line never goes on from what an earlier write left.
      let bytes = file.isTorn ? [Self.lineEnd] + line : line
      let count = unsafe bytes.withUnsafeBytes { unsafe write(file.descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return false }
      file.size += count
      file.isTorn = bytes[count - 1] != Self.lineEnd
      return count == bytes.count
    }
  }

  /// Puts the file aside and begins a new one; a crash in between leaves a gap in the numbers, and no line is lost.
  private borrowing func rotate(_ file: inout File) -> Bool {
    for number in stride(from: Self.keptFiles - 1, through: 1, by: -1) {
      guard unsafe rename("\(path).\(number)", "\(path).\(number + 1)") == 0 || errno == ENOENT else { return false }
    }
    guard unsafe rename(path, "\(path).1") == 0 || errno == ENOENT, let fresh = Self.open(path) else { return false }
    close(file.descriptor)
    file = fresh
    return true
  }

  private static let lineEnd = UInt8(ascii: "\n")

  private static func open(_ path: String) -> File? {
    let descriptor = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { return nil }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    var last = lineEnd
    if size > 0 { _ = unsafe pread(descriptor, &last, 1, size - 1) }
    return File(descriptor: descriptor, size: max(0, size), isTorn: last != lineEnd)
  }
}

extension AuditLog {
  /// The most bytes read from the end of each file.
  static let maximumReadBytes = 16 << 20

  /// The last lines of a folder's log, oldest first; only whole lines within the last `maximumReadBytes` of each file.
  static func last(_ count: Int, inFolder folder: String) throws(LocalKMSError) -> [String] {
    var lines: [String] = []
    for number in 0...keptFiles where lines.count < count {
      let name = number == 0 ? fileName : "\(fileName).\(number)"
      lines = try last(count - lines.count, in: "\(folder)/\(name)") + lines
    }
    return lines
  }

  private static func last(_ count: Int, in path: String) throws(LocalKMSError) -> [String] {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      if errno == ENOENT { return [] }
      throw LocalKMSError(.storage, "\(path) cannot be read")
    }
    defer { close(descriptor) }
    let size = Int(lseek(descriptor, 0, SEEK_END))
    let start = max(0, size - maximumReadBytes)
    var bytes = [UInt8](repeating: 0, count: max(0, size - start))
    var filled = 0
    while filled < bytes.count {
      let read = unsafe bytes[filled...].withUnsafeMutableBytes { rest in
        unsafe pread(descriptor, rest.baseAddress, rest.count, start + filled)
      }
      guard read > 0 else { break }
      filled += read
    }
    var lines = bytes.prefix(filled).split(separator: lineEnd)
    if start > 0, !lines.isEmpty { lines.removeFirst() }  // begins before what was read
    // What a full disk cut is no entry.
    return lines.lazy.reversed().filter { $0.last == UInt8(ascii: "}") }.prefix(count).reversed()
      .map { String(decoding: $0, as: UTF8.self) }
  }
}

/// One call as the audit log keeps it.
struct AuditEntry: Sendable {
  let requestID: String
  let clientAddress: String
  var seconds: Int64 = 0
  var accessKeyID = ""
  var action = ""
  var keyID = ""
  var context: [String: String] = [:]
  /// `OK`, or the error type.
  var outcome = "OK"

  /// The line, with its end.
  var line: [UInt8] {
    JSONValue.object([
      .init("time", .string(CivilTime(seconds: seconds).extended)),
      .init("requestId", .string(requestID)),
      .init("client", .string(clientAddress)),
      .init("accessKeyId", .string(accessKeyID)),
      .init("operation", .string(action)),
      .init("key", .string(keyID)),
      .init("encryptionContext", .texts(context)),
      .init("outcome", .string(outcome)),
    ]).encoded() + [UInt8(ascii: "\n")]
  }

  /// Takes over text of an unauthenticated caller: printable ASCII, at most 128 bytes.
  static func cleaned(_ text: String) -> String {
    String(decoding: text.utf8.prefix(128).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
  }
}
