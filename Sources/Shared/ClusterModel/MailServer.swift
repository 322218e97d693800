// SPDX-License-Identifier: GPL-3.0-or-later

/// The mail server that takes the coordinator's mails; the password travels and rests apart from it.
public struct MailServer: Sendable, Codable, Equatable {
  /// How TLS begins; there is no mail without.
  public enum Encryption: String, Sendable, Codable, CaseIterable {
    /// In the clear, up to STARTTLS (RFC 3207), before anything else is said.
    case startTLS = "starttls"
    /// From the first byte (RFC 8314).
    case implicit
  }

  /// Its host name or address.
  public var host: String
  /// Its port.
  public var port: UInt16
  /// How TLS begins.
  public var encryption: Encryption
  /// The user to log in as, nil for a server that wants none.
  public var user: String?
  /// The address that mails come from.
  public var from: String
  /// PEM certificates to trust instead of the system's, nil for the system's.
  public var certificateAuthorityPEM: String?

  /// Makes a server of its parts.
  public init(
    host: String, port: UInt16, encryption: Encryption, user: String?, from: String,
    certificateAuthorityPEM: String? = nil
  ) {
    self.host = host
    self.port = port
    self.encryption = encryption
    self.user = user
    self.from = from
    self.certificateAuthorityPEM = certificateAuthorityPEM
  }
}

/// How mail stands, as an operator sees it; there is no field for the password.
public struct MailView: Sendable, Codable, Equatable {
  /// One mail to one recipient that was not taken by the server yet.
  public struct Waiting: Sendable, Codable, Equatable {
    /// What it is about.
    public var subject: String
    /// To whom.
    public var recipient: String
    /// Since when it waits.
    public var since: OperatorTime?
    /// How often it was tried.
    public var attempts: Int
    /// Why the last attempt failed, nil before the first.
    public var trouble: String?

    /// Makes one of its parts.
    public init(subject: String, recipient: String, since: OperatorTime?, attempts: Int, trouble: String?) {
      self.subject = subject
      self.recipient = recipient
      self.since = since
      self.attempts = attempts
      self.trouble = trouble
    }
  }

  /// The server, nil if none is set; without its certificates.
  public var server: MailServer?
  /// Mails that wait, oldest first.
  public var waiting: [Waiting]
  /// When a mail was sent last, nil if none is remembered.
  public var lastSentAt: OperatorTime?

  /// Makes a view of its parts.
  public init(server: MailServer?, waiting: [Waiting], lastSentAt: OperatorTime?) {
    self.server = server
    self.waiting = waiting
    self.lastSentAt = lastSentAt
  }
}
