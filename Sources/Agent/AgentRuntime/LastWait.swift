// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc
internal import Logging

/// The last thing a process that was told to stop waits for; if that never ends, the process ends without it.
struct LastWait: Sendable {
  let limit: Duration
  let logger: Logger

  /// Runs `body`, and ends the process if it takes longer than the limit.
  func run(_ body: () async -> Void) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { if (try? await Task.sleep(for: limit)) != nil { endProcess() } }
      await body()
      group.cancelAll()
    }
  }

  /// Ends the process at once: no handler of the C library is to wait for the engine's threads.
  func endProcess() -> Never {
    logger.critical(
      "the engine does not close; the process ends without it, as it was told to stop", metadata: ["limit": "\(limit)"])
    _exit(1)
  }
}
