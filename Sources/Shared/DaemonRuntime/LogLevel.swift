// SPDX-License-Identifier: GPL-3.0-or-later
public import Logging
internal import Synchronization

/// The level below which nothing is logged, for all of a process's loggers that have none of their own; changes take
/// effect at once.
public final class LogLevel: Sendable {
  private let level: Mutex<Logger.Level>

  /// Starts at a level.
  public init(_ level: Logger.Level) { self.level = Mutex(level) }

  /// The level now.
  public var current: Logger.Level { level.withLock { $0 } }

  /// Changes the level.
  public func set(_ new: Logger.Level) { level.withLock { $0 = new } }

  /// The level of a name as it stands in configuration files; nil means `info`. Throws `invalidValue` for another word.
  public static func named(_ name: String?) throws(ConfigurationError) -> Logger.Level {
    guard let name else { return .info }
    guard let level = Logger.Level(rawValue: name) else {
      throw ConfigurationError(
        .invalidValue,
        "there is no log level '\(Spelling.printable(name))'; take trace, debug, info, notice, warning, error or "
          + "critical")
    }
    return level
  }
}
