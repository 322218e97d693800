// SPDX-License-Identifier: GPL-3.0-or-later
public import Logging
public import ServiceLifecycle
internal import UnixSignals

/// Reads anew on SIGHUP what can be read anew; runs beside a daemon's own service.
public struct HangUpService: Service {
  private let logger: Logger
  private let reload: @Sendable () async throws -> String

  /// `reload` reads what it can and says in a few words what is in force now; what it throws is logged, and what was in
  /// force before stays.
  public init(logger: Logger, reload: @escaping @Sendable () async throws -> String) {
    self.logger = logger
    self.reload = reload
  }

  /// Waits for signals until the daemon is told to stop.
  public func run() async throws {
    for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
      do {
        let now = try await reload()
        logger.notice("read the configuration anew", metadata: ["now": "\(now)"])
      } catch {
        logger.error("the configuration was not read anew; the one before stays", metadata: ["reason": "\(error)"])
      }
    }
  }
}
