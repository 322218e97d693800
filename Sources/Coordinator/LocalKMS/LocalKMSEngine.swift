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

  init(
    configuration: LocalKMSConfiguration, vault: consuming LocalKMSVault, logger: Logger, measures: LocalKMSMeasures
  ) throws(LocalKMSError) {
    self.measures = measures
    audit = try AuditLog(in: vault.directory)
    self.vault = Mutex(vault)
    self.configuration = configuration
    self.logger = logger
  }

  /// Answers one request, whatever it holds.
  func reply(to request: KMSRequest) -> KMSReply {
    let start = ContinuousClock.now
    let now = configuration.clock.nowSeconds
    var entry = AuditEntry(requestID: KeyIdentifier.random(), clientAddress: request.clientAddress, seconds: now)
    var reply: KMSReply
    do {
      let body = try vault.withLock { (vault) throws(KMSFault) in
        var call = EngineCall(
          configuration: configuration, nowSeconds: now, entry: entry, logger: logger)
        defer { entry = call.entry }
        return try call.perform(request, &vault)
      }
      reply = KMSReply(body: body, requestID: entry.requestID, dateSeconds: now)
    } catch {
      entry.outcome = error.type
      reply = KMSReply(error, requestID: entry.requestID, dateSeconds: now)
    }
    defer { measures.answered(entry.action, outcome: entry.outcome, since: start) }
    guard audit.append(entry) else {
      entry.outcome = KMSFault.internal.type
      // Without its line a call must not have an effect outside: what cannot be audited is not handed out.
      logger.error("the audit log cannot be written; the call is refused", metadata: ["request": "\(entry.requestID)"])
      SecretWiping.wipe(&reply.body)
      return KMSReply(.internal, requestID: entry.requestID, dateSeconds: now)
    }
    return reply
  }
}
