// SPDX-License-Identifier: GPL-3.0-or-later
internal import CMail
public import ClusterModel
internal import Dispatch
public import Secrets
internal import Synchronization

/// Hands mails to an SMTP server, each attempt over TLS and a connection of its own, on a thread of its own.
public struct MailSender: Sendable {
  /// How long one attempt may take, in seconds.
  public static let timeoutSeconds = 30

  private static let isPrepared = kf_mail_prepare() == 1
  private let queue = DispatchQueue(label: "keyfold.mail", attributes: .concurrent)

  /// Makes a sender.
  public init() {}

  /// Sends `message` to one of its recipients; throws `MailError` if the server has not taken it.
  ///
  /// A cancelled task does not wait for the server, which may take the mail all the same.
  public func send(
    _ message: MailMessage, to recipient: String, through server: MailServer, password: Secret?
  ) async throws(MailError) {
    let bytes = try message.bytes()
    let url = try Self.url(of: server)
    let outcome = OneOutcome()
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        outcome.await(continuation)
        queue.async {
          outcome.settle(Self.attempt(bytes, to: recipient, server: server, url: url, password: password))
        }
      }
    } onCancel: {
      outcome.settle(.failure(MailError(.unreachable, "the coordinator ended before the server had answered")))
    }
    try result.get()
  }

  /// The server's address as libcurl takes it; throws `MailError` for a host that is none.
  static func url(of server: MailServer) throws(MailError) -> String {
    let isAddress = server.host.utf8.count { $0 == UInt8(ascii: ":") } > 1
    let allowed = isAddress ? "0123456789abcdefABCDEF:." : "-."
    let isHost = server.host.utf8.allSatisfy { byte in
      if allowed.utf8.contains(byte) { return true }
      guard !isAddress else { return false }
      return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
    guard isHost, !server.host.isEmpty, server.host.utf8.count <= 253, server.port > 0 else {
      throw MailError(.invalid, "the server's host or port is none")
    }
    let scheme = server.encryption == .implicit ? "smtps" : "smtp"
    return "\(scheme)://\(isAddress ? "[\(server.host)]" : server.host):\(server.port)"
  }

  private static func attempt(
    _ message: [UInt8], to recipient: String, server: MailServer, url: String, password: Secret?
  ) -> Result<Void, MailError> {
    guard isPrepared else { return .failure(MailError(.invalid, "libcurl can't be used in this process")) }
    var secret = password.map { $0.withSecret { $0.unprotectedCopy() } } ?? []
    defer { SecretBytes.wipe(&secret) }
    guard !secret.contains(0) else { return .failure(MailError(.invalid, "the password holds a zero byte")) }
    secret.append(0)
    var reason = [CChar](repeating: 0, count: Int(KF_MAIL_ERROR_CAPACITY))
    let outcome = CText.with(url, "<\(server.from)>", "<\(recipient)>", server.user, server.certificateAuthorityPEM) {
      (texts: CText) in
      unsafe message.withUnsafeBytes { body in
        unsafe secret.withUnsafeBytes { secret in
          var mail = unsafe kf_mail(
            url: texts[0], from: texts[1], recipient: texts[2], user: texts[3],
            password: secret.baseAddress?.assumingMemoryBound(to: CChar.self), authority: texts[4],
            authority_count: server.certificateAuthorityPEM?.utf8.count ?? 0,
            message: body.baseAddress?.assumingMemoryBound(to: CChar.self), message_count: body.count,
            timeout_seconds: timeoutSeconds)
          return unsafe kf_mail_send(&mail, &reason)
        }
      }
    }
    let text = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return Self.result(outcome, text)
  }

  private static func result(_ outcome: Int32, _ reason: String) -> Result<Void, MailError> {
    switch outcome {
    case Int32(KF_MAIL_SENT): .success(())
    case Int32(KF_MAIL_TLS): .failure(MailError(.tls, reason))
    case Int32(KF_MAIL_LOGIN): .failure(MailError(.login, reason))
    case Int32(KF_MAIL_REFUSED): .failure(MailError(.refused, reason))
    case Int32(KF_MAIL_LOCAL): .failure(MailError(.invalid, reason))
    default: .failure(MailError(.unreachable, reason))
    }
  }
}

/// The first of two outcomes of one attempt.
private final class OneOutcome: Sendable {
  private enum State {
    case open
    case awaited(CheckedContinuation<Result<Void, MailError>, Never>)
    case settled(Result<Void, MailError>)
    case told
  }

  private let state = Mutex(State.open)

  func await(_ continuation: CheckedContinuation<Result<Void, MailError>, Never>) {
    let result = state.withLock { state -> Result<Void, MailError>? in
      if case .settled(let result) = state {
        state = .told
        return result
      }
      state = .awaited(continuation)
      return nil
    }
    if let result { continuation.resume(returning: result) }
  }

  func settle(_ result: Result<Void, MailError>) {
    let continuation = state.withLock { state -> CheckedContinuation<Result<Void, MailError>, Never>? in
      switch state {
      case .open: state = .settled(result)
      case .awaited(let continuation):
        state = .told
        return continuation
      case .settled, .told: break
      }
      return nil
    }
    continuation?.resume(returning: result)
  }
}

/// Texts as C wants them, for the length of a call.
@safe private struct CText {
  private let pointers: [UnsafePointer<CChar>?]

  subscript(index: Int) -> UnsafePointer<CChar>? { unsafe pointers[index] }

  /// Lends the texts to `body`; nil becomes a null pointer.
  static func with<Result>(_ texts: String?..., body: (CText) -> Result) -> Result {
    var buffers = texts.map { $0.map { Array($0.utf8CString) } }
    return unsafe lend(&buffers, from: 0, [], body)
  }

  private static func lend<Result>(
    _ buffers: inout [[CChar]?], from index: Int, _ pointers: [UnsafePointer<CChar>?], _ body: (CText) -> Result
  ) -> Result {
    guard index < buffers.count else { return unsafe body(CText(pointers: pointers)) }
    guard let buffer = buffers[index] else {
      return unsafe lend(&buffers, from: index + 1, pointers + [nil], body)
    }
    return unsafe buffer.withUnsafeBufferPointer { text in
      unsafe lend(&buffers, from: index + 1, pointers + [text.baseAddress], body)
    }
  }

  private init(pointers: [UnsafePointer<CChar>?]) { unsafe self.pointers = pointers }
}
