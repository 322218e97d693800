// SPDX-License-Identifier: GPL-3.0-or-later

internal import FailurePoints
internal import Glibc
internal import Secrets

/// The folder of a local KMS, locked for one process.
struct StateDirectory: ~Copyable {
  /// The largest file read from it, in bytes.
  static let maximumFileBytes = 64 << 20

  let path: String
  private let lock: Int32

  /// Makes the folder if it is missing, closes it to others and locks it until this value dies.
  init(_ path: String) throws(LocalKMSError) {
    guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw Self.failure("the folder \(path) cannot be made", .last)
    }
    guard unsafe chmod(path, 0o700) == 0 else { throw Self.failure("\(path) cannot be closed to others", .last) }
    let lock = unsafe open("\(path)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard lock >= 0 else { throw Self.failure("\(path)/lock cannot be opened", .last) }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      throw LocalKMSError(.inUse, "another local KMS serves \(path); stop it or choose another folder")
    }
    self.path = path
    self.lock = lock
  }

  deinit {
    // Said in so many words, because a child process that is just being started still shares the descriptor.
    flock(lock, LOCK_UN)
    close(lock)
  }

  /// Lets another process serve the folder, although this value is still there.
  borrowing func unlock() { flock(lock, LOCK_UN) }

  /// The contents of a file, nil if there is none.
  borrowing func read(_ name: String) throws(LocalKMSError) -> [UInt8]? { try Self.read("\(path)/\(name)") }

  /// The contents of a file anywhere, nil if there is none.
  static func read(_ file: String) throws(LocalKMSError) -> [UInt8]? {
    do throws(SystemFault) {
      let open = try OpenFile.reading(file)
      let size = try open.status().size
      guard size <= maximumFileBytes else { throw SystemFault(number: EFBIG) }
      var bytes = [UInt8](repeating: 0, count: size)
      var fault: SystemFault?
      let count = unsafe bytes.withUnsafeMutableBytes { buffer in
        do throws(SystemFault) { return try unsafe open.read(into: buffer) } catch {
          fault = error
          return 0
        }
      }
      if let fault { throw fault }
      bytes.removeLast(size - count)
      return bytes
    } catch {
      if error.number == ENOENT { return nil }
      throw failure("\(file) cannot be read", error)
    }
  }

  /// Replaces a file, readable by its owner only: writes beside it, syncs, renames, syncs the folder.
  ///
  /// If it throws, the old file or the new one is there, each complete.
  borrowing func replace(_ name: String, with bytes: [UInt8]) throws(LocalKMSError) {
    try Self.replace("\(path)/\(name)", with: bytes)
  }

  /// Replaces a file anywhere; see above.
  static func replace(_ file: String, with bytes: [UInt8]) throws(LocalKMSError) {
    do throws(SystemFault) {
      let temporary = "\(file).new"
      try OpenFile.remove(temporary)
      let open = try OpenFile.creating(temporary)
      var fault: SystemFault?
      unsafe bytes.withUnsafeBytes { buffer in
        do throws(SystemFault) { try unsafe open.write(buffer) } catch { fault = error }
      }
      if let fault { throw fault }
      try open.sync()
      FailurePoint.reach("kms.rename.before")
      try OpenFile.rename(temporary, to: file)
      FailurePoint.reach("kms.rename.after")
      try OpenFile.syncFolder(of: file)
      FailurePoint.reach("kms.sync.after")
    } catch {
      throw failure("\(file) cannot be written", error)
    }
  }

  /// Makes an empty file readable by its owner only; one that is there already is never touched.
  static func reserve(_ file: String) throws(LocalKMSError) {
    do { _ = try OpenFile.creating(file) } catch {
      guard error.number == EEXIST else { throw failure("\(file) cannot be written", error) }
      throw LocalKMSError(.fileExists, "\(file) is there already, and is not overwritten")
    }
  }

  /// Gives a file of the folder another name, durably.
  borrowing func rename(_ name: String, to other: String) throws(LocalKMSError) {
    do {
      try OpenFile.rename("\(path)/\(name)", to: "\(path)/\(other)")
      FailurePoint.reach("kms.rename.after")
      try OpenFile.syncFolder(of: "\(path)/\(other)")
    } catch { throw Self.failure("\(path)/\(other) cannot be written", error) }
  }

  /// Removes a file if it is there.
  borrowing func remove(_ name: String) throws(LocalKMSError) { try Self.removeFile("\(path)/\(name)") }

  /// Removes a file anywhere if it is there.
  static func removeFile(_ file: String) throws(LocalKMSError) {
    do { try OpenFile.remove(file) } catch { throw failure("\(file) cannot be removed", error) }
  }

  private static func failure(_ text: String, _ fault: SystemFault) -> LocalKMSError {
    LocalKMSError(.storage, text, underlying: fault)
  }
}
