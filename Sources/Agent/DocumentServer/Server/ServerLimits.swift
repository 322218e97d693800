// SPDX-License-Identifier: GPL-3.0-or-later

/// How much a server takes on.
public struct ServerLimits: Sendable, Equatable {
  /// Connections at the same time; one more is closed at once.
  public var maximumConnections = 1_000
  /// Bytes of replies waiting to be sent on one connection at which it stops answering more.
  public var writeHighWaterMark = 1024 * 1024
  /// Bytes of waiting replies at which it goes on.
  public var writeLowWaterMark = 256 * 1024
  /// Pending connections the kernel keeps.
  public var backlog: Int32 = 256

  /// How long a new connection may take to send its first whole message, TLS included.
  public var firstMessageTime = Duration.seconds(30)
  /// How often a server that may not listen yet looks for the first user.
  public var userPoll = Duration.milliseconds(250)

  /// The limits named above.
  public init() {}
}
