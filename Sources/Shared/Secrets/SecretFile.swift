// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// A file that holds one secret, readable by its owner only.
public enum SecretFile {
  /// The largest secret in a file, in bytes: a PEM key with its chain fits, an accident doesn't.
  public static let maximumBytes = 64 << 10
  /// The environment's name for the folder of systemd's credentials (systemd.exec(5)).
  private static let credentialsVariable = "CREDENTIALS_DIRECTORY"

  /// Reads a secret; `trimmingNewline` leaves out one line end at the end, which editors and `echo` add.
  ///
  /// Refuses files that are missing, empty, larger than `limit`, no regular files, not this user's (or root's), or
  /// accessible by anybody else. systemd's credentials may be group-readable: their folder is closed to others.
  public static func read(
    _ path: String, limit: Int = maximumBytes, trimmingNewline: Bool = false
  ) throws(SecretsError) -> SecretBytes {
    let file = try translating("read", path) { () throws(SystemFault) in try OpenFile.reading(path) }
    let status = try translating("read", path) { () throws(SystemFault) in try file.status() }
    try check(status, at: path, limit: limit)
    // One byte more than the file has, so that a file that grows while it is read is noticed.
    let secret = try SecretBytes(capacity: status.size + 1) { (span) throws(SecretsError) in
      let outcome = unsafe span.withUnsafeMutableBytes { (target, filled) -> SystemFault? in
        do throws(SystemFault) { filled = try unsafe file.read(into: target) } catch { return error }
        if filled == status.size && trimmingNewline { unsafe filled = withoutNewline(target, filled) }
        return nil
      }
      if let outcome { throw SecretsError(.fileUnusable, "\(path) can't be read", underlying: outcome) }
    }
    if secret.count > status.size { throw SecretsError(.fileUnusable, "\(path) changed while it was read; try again") }
    if secret.count == 0 { throw empty(path) }
    return secret
  }

  /// Makes a file of a secret, readable by its owner only; it is there as a whole or not at all, and on disk on return.
  ///
  /// Throws `fileExists` if there is a file already: a secret is never overwritten.
  public static func create(_ path: String, holding secret: borrowing SecretBytes) throws(SecretsError) {
    let unfinished = "\(path).\(getpid()).new"
    try translating("write", path) { () throws(SystemFault) in
      try OpenFile.remove(unfinished)
      let file = try OpenFile.creating(unfinished)
      do throws(SystemFault) {
        try secret.withBytes { (bytes) throws(SystemFault) in try file.write(bytes) }
        try file.sync()
        try OpenFile.link(unfinished, as: path)
      } catch {
        _ = try? OpenFile.remove(unfinished)
        throw error
      }
      try OpenFile.remove(unfinished)
      try OpenFile.syncFolder(of: path)
    }
  }

  private static func translating<Result: ~Copyable>(
    _ verb: String, _ path: String, _ work: () throws(SystemFault) -> Result
  ) throws(SecretsError) -> Result {
    do throws(SystemFault) { return try work() } catch {
      if error.isExistingFile {
        throw SecretsError(.fileExists, "\(path) exists and is not overwritten; move it away first", underlying: error)
      }
      if error.isMissingFile {
        throw SecretsError(
          .fileMissing, "there is no \(path); create it (and its folder) or correct the setting", underlying: error)
      }
      throw SecretsError(.fileUnusable, "can't \(verb) \(path)", underlying: error)
    }
  }

  private static func check(_ status: OpenFile.Status, at path: String, limit: Int) throws(SecretsError) {
    guard status.isRegular else { throw SecretsError(.fileUnusable, "\(path) is no regular file; name one") }
    guard status.owner == geteuid() || status.owner == 0 else {
      // Root could take the file away from the daemon that needs it.
      let cure =
        geteuid() == 0
        ? "run this as that user: sudo -u '#\(status.owner)' …"
        : "give it to this user with chown \(geteuid()) \(path), or run this as that user"
      throw SecretsError(.filePermissions, "\(path) belongs to user \(status.owner); \(cure)")
    }
    let others: UInt32 = isCredential(path) ? 0o037 : 0o077
    guard status.mode & others == 0 else {
      throw SecretsError(.filePermissions, "\(path) can be accessed by other users; close it with chmod 600 \(path)")
    }
    if status.size == 0 { throw empty(path) }
    guard status.size <= limit else {
      throw SecretsError(
        .fileTooLarge, "\(path) has \(status.size) bytes, a secret has at most \(limit); is it the right file?")
    }
  }

  private static func isCredential(_ path: String) -> Bool {
    guard let folder = unsafe getenv(credentialsVariable).map({ unsafe String(cString: $0) }), !folder.isEmpty else {
      return false
    }
    return path.hasPrefix(folder + "/") && !path.contains("/../")
  }

  private static func empty(_ path: String) -> SecretsError {
    SecretsError(.fileEmpty, "\(path) is empty; write the secret into it")
  }

  private static func withoutNewline(_ bytes: UnsafeMutableRawBufferPointer, _ count: Int) -> Int {
    guard count > 0, unsafe bytes[count - 1] == UInt8(ascii: "\n") else { return count }
    return unsafe count > 1 && bytes[count - 2] == UInt8(ascii: "\r") ? count - 2 : count - 1
  }
}
