// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Synchronization

/// A child process by the system's own calls. Foundation's `Process` notices the end of a child by a socket that the
/// child inherits; our daemons close what they inherit when they replace their image, and it would wait for them for
/// ever.
final class ChildProcess: Sendable {
  let pid: Int32
  private let status = Mutex<Int32?>(nil)

  /// What a child is given beyond its input and output, by mistake: closing what is not open does no harm.
  private static let inheritable = Int32(3)..<1024

  /// Starts `executable`; its output goes to the file `output`, its input is empty.
  init(_ executable: String, _ arguments: [String], environment: [String: String], output: String) throws {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // What else is open here stays here: a child that outlives a test that was broken off would hold the runner's pipes
    // open, and the runner would wait for their end.
    for descriptor in Self.inheritable { unsafe posix_spawn_file_actions_addclose(&actions, descriptor) }
    // A thread of the concurrency pool blocks most signals, and a child inherits that: it would never hear SIGTERM.
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    unsafe sigemptyset(&none)
    unsafe posix_spawnattr_setsigmask(&attributes, &none)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    var words = unsafe ([executable] + arguments).map { unsafe strdup($0) } + [nil]
    var settings = unsafe environment.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
    defer { unsafe (words + settings).forEach { unsafe free($0) } }
    var child: Int32 = 0
    let result = unsafe posix_spawn(&child, executable, &actions, &attributes, &words, &settings)
    guard result == 0 else { throw TestFailure("\(executable) can't be started: error \(result)") }
    pid = child
  }

  /// Whether it has not ended yet.
  var isRunning: Bool { end(WNOHANG) == nil }

  /// Waits until it has ended, and ends it itself after `limit`, so that no test hangs; answers its exit status, or 128
  /// and the signal that ended it.
  @discardableResult
  func wait(within limit: Duration = .seconds(900)) -> Int32 {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
      if let status = end(WNOHANG) { return status }
      // tidy:allow sleep a pause between looks; waiting in the kernel would know no limit
      usleep(2_000)
    }
    kill(pid, SIGKILL)
    return end(0) ?? -1
  }

  private func end(_ options: Int32) -> Int32? {
    status.withLock { status in
      if let status { return status }
      var raw: Int32 = 0
      var result: Int32
      repeat { result = unsafe waitpid(pid, &raw, options) } while result < 0 && errno == EINTR
      guard result == pid else { return nil }
      status = raw & 0x7F == 0 ? (raw >> 8) & 0xFF : 128 + (raw & 0x7F)
      return status
    }
  }
}
