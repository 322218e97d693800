// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A mail on its way to the owners of a project: persisted with the decision it tells of, kept until every recipient's
/// server has taken it.
public struct MailRecord: Sendable, Codable, Equatable {
  /// One recipient, and how far the mail is on the way there.
  public struct Recipient: Sendable, Codable, Equatable {
    /// The address.
    public let address: String
    /// How often it was tried.
    public var attempts: Int
    /// When it is tried next.
    public var dueAt: Instant
    /// When the server took it, nil until then.
    public var sentAt: Instant?
    /// Why the last attempt failed, nil if none did.
    public var trouble: String?
    /// Whether it was given up.
    public var isGivenUp: Bool

    /// Whether nothing is left to be done.
    public var isDone: Bool { sentAt != nil || isGivenUp }
  }

  /// Its id: the episode's, and which of its mails it is. The mail's Message-ID is made of it.
  public let id: String
  /// The project whose owners get it.
  public let project: ProjectName
  /// What it is about.
  public let subject: String
  /// The text.
  public let text: String
  /// The id of the mail it follows, nil for the first.
  public let answers: String?
  /// When it was written.
  public let createdAt: Instant
  /// Whom it is for.
  public var recipients: [Recipient]

  /// Whether every recipient's server has taken it, or it was given up.
  public var isDone: Bool { recipients.allSatisfy(\.isDone) }
}

/// The mail server that is used, and the version its password is sealed under.
public struct MailServerRecord: Sendable, Codable, Equatable {
  /// The server.
  public var server: MailServer
  /// One higher at each change; the store keeps the password under it.
  public var version: UInt64
}

/// One time that a project's key was away, from the lock-out to the return.
public struct KeyEpisode: Sendable, Codable, Equatable {
  /// Its id.
  public let id: String
  /// When the clusters were locked out.
  public let since: Instant
  /// The clusters.
  public var clusters: [ClusterName]
}
