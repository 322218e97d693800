// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// The folder of the store, for its owner alone (0700), with a lock that only one process holds.
///
/// The kernel gives the lock back when the process ends, however it ends. The lock file stays.
final class StoreFolder: Sendable {
  /// The folder's path.
  let path: String
  private let descriptor: Int32

  /// The database's path.
  var databasePath: String { path + "/" + StateStore.fileName }

  /// Makes the folder if it is missing, closes it to others and takes the lock.
  init(_ path: String) throws(StateStoreError) {
    self.path = path
    guard unsafe mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Self.fault(path, "the folder can't be made") }
    guard unsafe chmod(path, 0o700) == 0 else { throw Self.fault(path, "the folder can't be closed to others") }
    let lock = path + "/coordinator.lock"
    let descriptor = unsafe open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw Self.fault(lock, "the lock file can't be opened") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let busy = errno == EWOULDBLOCK
      let error =
        busy
        ? StateStoreError(
          .locked, path: lock, "another coordinator has this store open; stop it first, or name another data directory")
        : Self.fault(lock, "the lock can't be taken")
      close(descriptor)
      throw error
    }
    self.descriptor = descriptor
  }

  deinit {
    // Said in so many words, because a child process that is just being started still shares the descriptor.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  /// Makes an empty database file for its owner alone before SQLite opens it; its journals inherit the mode.
  func prepareDatabaseFile() throws(StateStoreError) {
    let file = unsafe open(databasePath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw Self.fault(databasePath, "the database can't be opened") }
    defer { close(file) }
    guard fchmod(file, 0o600) == 0 else { throw Self.fault(databasePath, "the database can't be closed to others") }
    let folder = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { throw Self.fault(path, "the folder can't be opened") }
    defer { close(folder) }
    guard fsync(folder) == 0 else { throw Self.fault(path, "the folder can't be made durable") }
  }

  private static func fault(_ path: String, _ what: String) -> StateStoreError {
    StateStoreError(.storage, path: path, "\(what): \(unsafe String(cString: strerror(errno)))")
  }
}
