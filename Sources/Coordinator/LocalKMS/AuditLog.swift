// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import KeyManagement

/// The audit log: one JSON line per call, appended in one write.
///
/// Lines are not synced one by one: they survive a crash of the process, the last ones may not survive one of the
/// machine.
struct AuditLog: ~Copyable {
  /// The file's name in the state folder.
  static let fileName = "audit.jsonl"

  private let descriptor: Int32

  /// Opens or makes the log.
  init(in directory: borrowing StateDirectory) throws(LocalKMSError) {
    let path = "\(directory.path)/\(Self.fileName)"
    descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw LocalKMSError(.storage, "\(path) cannot be opened for appending") }
  }

  deinit { close(descriptor) }

  /// Appends one line; answers whether all of it was written.
  borrowing func append(_ entry: AuditEntry) -> Bool {
    let line = entry.line
    return unsafe line.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) == $0.count }
  }
}

extension AuditLog {
  /// The most bytes read from the end of the log.
  static let maximumReadBytes = 16 << 20

  /// The last lines of a folder's log, oldest first; only whole lines within the last `maximumReadBytes`.
  static func last(_ count: Int, inFolder folder: String) throws(LocalKMSError) -> [String] {
    let path = "\(folder)/\(fileName)"
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
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
    var lines = bytes.prefix(filled).split(separator: UInt8(ascii: "\n"))
    if start > 0, !lines.isEmpty { lines.removeFirst() }  // begins before what was read
    return lines.suffix(count).map { String(decoding: $0, as: UTF8.self) }
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
