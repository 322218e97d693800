// SPDX-License-Identifier: GPL-3.0-or-later

/// How much a server takes on.
public struct ServerLimits: Sendable, Equatable {
  /// Connections at the same time; one more is closed at once.
  public var maximumConnections = 1_000
  /// Of these, how many nobody keeps without logging in, once there are users.
  public var placesForLogins = 500
  /// Up to how many of them an address is not made to give way before others: about what the monitors of a machine's
  /// drivers need, two for each driver.
  public var unremarkableStrangers = 16
  /// Messages up to this many bytes need no room of their own, so that `hello` and `ping` are always answered.
  public var freeMessageBytes = 16 << 10
  /// The longest message of a connection on which nobody is logged in while somebody has to be, in bytes: a login fits.
  public var loginMessageBytes = 16 << 10
  /// Bytes set aside for the larger messages of all connections, each counted twice: as it came, and cut into
  /// documents. A message that has no room is not read; its driver's writes come to a halt.
  public var requestMemory = 256 << 20
  /// Bytes set aside for the replies of all connections that may be large. A read that has no room does not begin.
  public var replyMemory = 256 << 20
  /// Other replies up to this many bytes need no room of their own; a larger one waits for it before it is sent.
  public var freeReplyBytes = 16 << 10
  /// Bytes set aside for one such reply before it is known: a batch of the largest size, with its frame.
  public var largestReply = 17 << 20
  /// How long a message may take from its first byte, or from getting its room, to its last.
  public var messageTime = Duration.seconds(60)
  /// How long a message may keep its room in all, with the time in which the server did not read it.
  public var heldMessageTime = Duration.seconds(600)
  /// How long a reply may take to leave, once nothing is before it.
  public var replyTime = Duration.seconds(30)
  /// Bytes of replies waiting to be sent on one connection at which it stops answering more.
  public var writeHighWaterMark = 64 << 10
  /// Bytes of waiting replies at which it goes on.
  public var writeLowWaterMark = 16 << 10
  /// Pending connections the kernel keeps.
  public var backlog: Int32 = 256

  /// How long a new connection may take to send its first whole message, TLS included.
  public var firstMessageTime = Duration.seconds(30)
  /// After how long without a byte the kernel asks whether a driver's machine is still there.
  public var keepAliveIdle = Duration.seconds(60)
  /// How often it asks again.
  public var keepAliveInterval = Duration.seconds(15)
  /// After how many questions without an answer the connection is lost: after two minutes in all.
  public var keepAliveProbes = 4
  /// How long bytes that were sent may stay unacknowledged before the connection is lost.
  public var unacknowledgedTime = Duration.seconds(120)
  /// How often a server that may not listen yet looks for the first user.
  public var userPoll = Duration.milliseconds(250)

  /// The limits named above.
  public init() {}
}
