// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import FailurePoints
internal import Foundation
internal import Logging
internal import Mail
internal import Secrets

/// Mail: the sealed password, what the core wants sent, and an operator's test.
extension Coordinator {
  /// Takes a mail server into use, in one transaction with its sealed password.
  func setMail(_ server: MailServer, password: Secret?) throws -> OperatorAnswer {
    guard (server.user == nil) == (password == nil) else {
      throw OperatorFailure(
        .invalid, what: "The mail server was not changed.", why: "A user needs a password, and a password a user.",
        next: "Give --user NAME and --password-file FILE, or neither.")
    }
    // Sealed before the core decides: what it has decided has to be remembered. Without a password an empty one takes
    // the place of the one before, which must not stay behind.
    let version = core.nextMailVersion
    let sealed = try surroundings.rootKey.seal(
      password ?? Secret(try SecretBytes(copying: [0])), context: Self.mailContext(version))
    let decision: Decision<UInt64>
    do { decision = try core.setMailServer(server, now: now) } catch { throw Self.failure(error) }
    try perform(
      decision.directives, secret: CoordinatorMemory.SealedSecret(mailVersion: decision.value, sealed: sealed))
    logger.notice(
      "the mail server was set",
      metadata: ["host": "\(server.host)", "port": "\(server.port)", "version": "\(decision.value)"])
    return .mail(core.mailView)
  }

  /// Sends a mail to one address now; the operator is answered when the server has.
  func startMailTest(to address: String, asker: Asker) throws {
    let record = try found { () throws(CoordinatorError) in try core.mailTarget(for: address) }
    let now = now
    let id = "\(UUID().uuidString.lowercased()).test"
    let message = MailMessage(
      from: record.server.from, recipients: [address], subject: "Keyfold can send mail",
      text: """
        This is the test that an operator asked for with: keyfold mail test

        Owners of projects get a mail like this when their key is revoked, and another when it is back.
        """, id: Self.messageID(id), dateMilliseconds: now.milliseconds)
    try perform(core.keepOrder())
    try enqueue(message, id: id, to: address, through: record, asker: asker)
  }

  /// Hands out one mail to one recipient, as the core wants it.
  func send(_ mail: MailRecord, to address: String, through record: MailServerRecord) throws(CoordinatorFault) {
    let message = MailMessage(
      from: record.server.from, recipients: mail.recipients.map(\.address), subject: mail.subject, text: mail.text,
      id: Self.messageID(mail.id), answers: mail.answers.map { Self.messageID($0) },
      dateMilliseconds: mail.createdAt.milliseconds)
    try enqueue(message, id: mail.id, to: address, through: record, asker: nil)
  }

  private func enqueue(
    _ message: MailMessage, id: String, to address: String, through record: MailServerRecord, asker: Asker?
  ) throws(CoordinatorFault) {
    let password = try record.server.user == nil ? nil : mailPassword(version: record.version)
    let delivery = KeyJob.Delivery(
      message: message, recipient: address, server: record.server, password: password, asker: asker, id: id)
    if case .enqueued = surroundings.jobs.yield(.deliver(delivery)) { return }
    try concludeDelivery(delivery, MailError(.invalid, "too many calls are under way"))
  }

  /// The server has answered, or could not be asked.
  func concludeDelivery(_ delivery: KeyJob.Delivery, _ failure: MailError?) throws(CoordinatorFault) {
    if let failure {
      logger.warning(
        "a mail was not sent",
        metadata: ["mail": "\(delivery.id)", "to": "\(delivery.recipient)", "reason": "\(failure)"])
    } else {
      logger.notice("a mail was sent", metadata: ["mail": "\(delivery.id)", "to": "\(delivery.recipient)"])
    }
    guard let asker = delivery.asker else {
      if failure == nil { FailurePoint.reach("mail.sent.after") }
      return try perform(
        core.onMail(delivery.id, to: delivery.recipient, failure: failure?.description, now: now))
    }
    reply(failure.map { .failure(Self.failure($0)) } ?? .mail(core.mailView), to: asker)
  }

  /// Opens the password of a version of the mail server's settings; nil, and logged, if it can't be opened.
  private func mailPassword(version: UInt64) throws(CoordinatorFault) -> Secret? {
    guard let sealed = try surroundings.memory.sealedMailPassword(version: version) else {
      logger.error("the mail server's password is missing", metadata: ["version": "\(version)"])
      return nil
    }
    do { return try surroundings.rootKey.open(sealed, context: Self.mailContext(version)) } catch {
      logger.error(
        "the mail server's password can't be opened; is the root key the one it was sealed under?",
        metadata: ["version": "\(version)", "reason": "\(error)"])
      return nil
    }
  }

  /// What a sealed password is bound to.
  private static func mailContext(_ version: UInt64) -> [UInt8] { Array("mail password in version \(version)".utf8) }

  /// The same at every attempt, whatever server and sender are set by then.
  private static func messageID(_ id: String) -> String { "\(id)@keyfold.invalid" }

  private static func failure(_ error: MailError) -> OperatorFailure {
    let next =
      switch error.code {
      case .unreachable: "See whether the coordinator's machine reaches the server."
      case .tls: "See whether the server's certificate is the right one; --ca-file trusts another authority."
      case .login: "Give the right user and password with: keyfold mail set"
      case .refused: "See whether the server takes mail from this sender and for this address."
      case .invalid: "Correct the settings with: keyfold mail set"
      }
    return OperatorFailure(.failed, what: "The mail was not sent.", why: error.detail + ".", next: next)
  }
}
