// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import Logging
internal import NIOCore
internal import Secrets
internal import Synchronization

/// Answers requests: who asks, may he, is the key alive, then the cryptography; one audit line for each.
///
/// Calls are short and changes must not overtake each other on disk, so one lock is held over each call.
final class LocalKMSEngine: Sendable {
  /// The service is for one machine; a call holds the lock for microseconds, a change for two syncs.
  private let vault: Mutex<LocalKMSVault>
  private let audit: AuditLog
  private let configuration: LocalKMSConfiguration
  private let logger: Logger
  private let measures: LocalKMSMeasures
  /// The faults in force.
  let faults: FaultBoard
  /// The addresses that may use keys, nil for all.
  private let accessList: AccessListFile?

  init(
    configuration: LocalKMSConfiguration, vault: consuming LocalKMSVault, logger: Logger, measures: LocalKMSMeasures
  ) throws(LocalKMSError) {
    self.measures = measures
    faults = FaultBoard(clock: configuration.clock)
    accessList = try configuration.accessList.map { (path) throws(LocalKMSError) in
      try AccessListFile(path, logger: logger)
    }
    audit = try AuditLog(in: vault.directory)
    self.vault = Mutex(vault)
    self.configuration = configuration
    self.logger = logger
  }

  /// The dialect a request came in.
  static func dialect(of request: KMSRequest, at door: Door) -> Dialect {
    door == .metadata ? .metadata : Dialect(of: request)
  }

  /// Gives the folder up once nobody is served any more; what is still under way is refused.
  func close() { vault.withLock { $0.close() } }

  /// Answers one request, whatever it holds; silence and resets are the connection's.
  func reply(to request: KMSRequest, at door: Door = .service, _ effects: FaultEffects = FaultEffects()) -> KMSReply {
    let start = ContinuousClock.now
    let now = configuration.clock.nowSeconds
    let clock = now + effects.clockOffsetSeconds
    var entry = AuditEntry(requestID: KeyIdentifier.random(), clientAddress: request.clientAddress, seconds: now)
    let dialect = Self.dialect(of: request, at: door)
    var reply: KMSReply
    do throws(KMSFault) {
      if case .refused(let fault)? = effects.ending { throw fault }
      if case .garbage? = effects.ending { throw Self.garbage }
      if door == .service, let fault = dialect.refusal(of: request.clientAddress),
        accessList?.admits(request.clientAddress) == false
      {
        throw fault
      }
      let answer = try vault.withLock { (vault) throws(KMSFault) in
        guard !vault.isClosed else { throw .internal }
        var call = EngineCall(
          configuration: configuration, nowSeconds: now, clockSeconds: clock, entry: entry, faults: faults,
          logger: logger)
        defer { entry = call.entry }
        return try call.perform(request, dialect, &vault)
      }
      reply = KMSReply(answer, dialect, requestID: entry.requestID, dateSeconds: clock)
    } catch {
      let fault = error == .internal ? dialect.failure : error
      entry.outcome = fault.type
      reply = KMSReply(fault, dialect, requestID: entry.requestID, dateSeconds: clock)
      if fault == Self.garbage { reply.makeGarbage() }
    }
    defer { measures.answered(entry.action, outcome: entry.outcome, since: start) }
    guard audit.append(entry) else {
      entry.outcome = KMSFault.internal.type
      // Without its line a call must not have an effect outside: what cannot be audited is not handed out.
      logger.error("the audit log cannot be written; the call is refused", metadata: ["request": "\(entry.requestID)"])
      SecretWiping.wipe(&reply.body)
      return KMSReply(dialect.failure, dialect, requestID: entry.requestID, dateSeconds: now)
    }
    return reply
  }

  /// Stands for an answer that is replaced by garbage.
  private static let garbage = KMSFault("Garbage", "", status: 200)
}

/// Where a request came in.
enum Door: Sendable {
  /// The dialects, where faults strike.
  case service
  /// The same for the operator, on loopback, where none does.
  case admin
  /// The metadata services of machines, without TLS, on loopback.
  case metadata
}

extension KMSReply {
  /// Makes the body what a captive portal or a broken proxy would send.
  fileprivate mutating func makeGarbage() {
    contentType = "text/html"
    body = ByteBuffer(string: "<html><body>It works!</body></html>\0\u{1}{\"truncated\":")
  }
}
