// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What one connection has said of who is at its other end.
struct AccessSession: Sendable {
  /// How many logins may fail on one connection before it is closed.
  static let maximumFailures = 5
  /// How long one login may take from its first to its last message.
  static let loginTime = Duration.seconds(30)
  /// The number of the one conversation a connection may have; MongoDB's servers give the same.
  static let conversationID: Int32 = 1

  /// Somebody who has proven to know a password.
  struct Login: Sendable, Equatable {
    let name: DriverUserName
    let identity: String
  }

  /// A login under way.
  struct Conversation: Sendable {
    var exchange: ScramExchange
    /// As the client named it; nothing says that there is such a user.
    let claimed: String
    /// Nil for a user that does not exist, whose proof can't fit.
    let login: Login?
    let deadline: ContinuousClock.Instant
  }

  /// Where the connection comes from, for the log.
  let peer: String
  var conversation: Conversation?
  var login: Login?
  private(set) var failures = 0

  init(peer: String) { self.peer = peer }

  /// Whether so many logins have failed that the connection has to be closed.
  var isExhausted: Bool { failures >= Self.maximumFailures }

  mutating func noteFailure() {
    failures += 1
    conversation = nil
  }
}
