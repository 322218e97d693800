// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc
internal import Logging
internal import Secrets

/// The end of everything this process holds in memory: its image is replaced, or else the process ends. Keys and pages
/// of an engine that was closed, or could not be, may still be in it.
struct ImageReplacement: Sendable {
  var image = ProcessHardening.ownImage
  let logger: Logger

  /// Begins the same program anew. If that can't be done, ends the process at once, for its supervisor to start it:
  /// no handler of the C library is to wait for the engine's threads.
  func perform(arguments: [String]) -> Never {
    logger.notice("replacing the process image")
    do { try ProcessHardening.replace(image: image, arguments: arguments) } catch {
      logger.critical(
        "the process image could not be replaced; the process ends, keys may still be in its memory",
        metadata: ["reason": "\(error)"])
      _exit(1)
    }
  }
}
