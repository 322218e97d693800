// SPDX-License-Identifier: GPL-3.0-or-later
internal import Logging
internal import Synchronization

/// The users as this node has them in memory: read anew whenever the engine says that they may have changed.
final class AccessDirectory: Sendable {
  private struct Cached {
    let version: UInt64
    let users: UserDirectory
  }

  private let engine: any DocumentEngine
  private let logger: Logger
  private let cached = Mutex<Cached?>(nil)
  /// Stands in for the cluster's secret as long as there is no user at all.
  private let ownSecret: [UInt8]

  init(engine: any DocumentEngine, ownSecret: [UInt8], logger: Logger) {
    self.engine = engine
    self.ownSecret = ownSecret
    self.logger = logger
  }

  /// The users as of now. Costs a look at a counter unless something changed; throws `EngineError` if they can't be
  /// read, and then nobody may do anything.
  func current() async throws -> UserDirectory {
    // Before the read: a change that comes while it runs is seen at the next look.
    let version = engine.systemVersion()
    if let known = cached.withLock({ $0 }), known.version == version { return known.users }
    let users = try await engine.read { try UserDirectory(reading: $0) }
    let (isNewest, before) = cached.withLock { cached -> (Bool, UserDirectory?) in
      if let known = cached, known.version > version { return (false, nil) }
      defer { cached = Cached(version: version, users: users) }
      return (true, cached?.users)
    }
    if isNewest { tell(users, before: before) }
    return users
  }

  /// The secret behind the challenges of users that don't exist.
  func decoySecret(of users: UserDirectory) -> [UInt8] { users.decoySecret ?? ownSecret }

  /// Whether drivers have to log in; nil as long as nobody knows, because the engine was not open yet.
  var isEnabled: Bool? { cached.withLock { $0?.users.isEnabled } }

  private func tell(_ users: UserDirectory, before: UserDirectory?) {
    guard before?.isEnabled != users.isEnabled else { return }
    if users.isEnabled {
      logger.notice("drivers have to log in", metadata: ["users": "\(users.users.count)"])
    } else {
      logger.warning(
        "anybody on this machine may read and write: there is no user yet; make one with keyfold user create")
    }
  }
}
