// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// Keeps a second agent out of a data directory for as long as it lives.
final class DataLock: Sendable {
  private let descriptor: Int32

  init(_ directory: String) throws(AgentError) {
    let path = directory + "/lock"
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw AgentError(.data, "\(path) can't be opened; is \(directory) writable?") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw AgentError(.data, "another agent uses \(directory); stop it first")
    }
  }

  deinit {
    // Said in so many words, because a child process that is just being started still shares the descriptor.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
