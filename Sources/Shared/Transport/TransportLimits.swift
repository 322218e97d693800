// SPDX-License-Identifier: GPL-3.0-or-later

/// The limits of one listener or link: sizes, queues and times.
public struct TransportLimits: Sendable, Equatable {
  /// The largest frame taken or sent, in bytes; larger ones end the connection (ZMQ_MAXMSGSIZE).
  public var maximumFrameBytes = 4 << 20
  /// How many messages libzmq queues per peer and direction (ZMQ_SNDHWM, ZMQ_RCVHWM); no flow control.
  ///
  /// A receiver whose queue stays full hears no heartbeats and loses the connection: credit has to keep below it.
  public var highWaterMark: Int32 = 2_048
  /// How many messages a link hands to libzmq before it keeps them in its own queue, which is bounded by bytes.
  public var linkSendHighWaterMark: Int32 = 2_048
  /// How many messages wait for one peer before `send` throws `congested`.
  public var queuedMessagesPerPeer = 4_096
  /// How many messages wait in all before `send` throws `congested`.
  public var queuedMessages = 65_536
  /// How many payload bytes wait in all before `send` throws `congested`.
  public var queuedBytes = 256 << 20
  /// How many calls of `MessageLink.call` may be open.
  public var outstandingCalls = 64
  /// How often a silent peer is asked for a sign of life, in milliseconds, 0 for never (ZMQ_HEARTBEAT_IVL).
  public var heartbeatIntervalMilliseconds: Int32 = 1_000
  /// How long a sign of life may take until the connection is dead, in milliseconds (ZMQ_HEARTBEAT_TIMEOUT, _TTL).
  public var heartbeatTimeoutMilliseconds: Int32 = 3_000
  /// How long a connection may take to prove its key, in milliseconds (ZMQ_HANDSHAKE_IVL).
  public var handshakeTimeoutMilliseconds: Int32 = 5_000
  /// How long `close` waits for queued messages to leave, in milliseconds (ZMQ_LINGER).
  public var lingerMilliseconds: Int32 = 0
  /// The shortest wait before a link tries again, in milliseconds; libzmq jitters it.
  public var reconnectMinimumMilliseconds: Int32 = 100
  /// The longest wait between tries while nobody listens, in milliseconds; waits double up to it.
  public var reconnectMaximumMilliseconds: Int32 = 1_000
  /// The longest wait between tries while the other side refuses our key, in milliseconds; waits double up to it.
  public var refusedMaximumMilliseconds: Int32 = 10_000

  /// The limits of control traffic: 4 MiB a frame.
  public init() {}

  /// The limits of control traffic: 4 MiB a frame.
  public static let control = TransportLimits()

  /// The limits of replication and initial sync: a batch of documents of 16 MiB each has to fit into one frame.
  public static let replication: TransportLimits = {
    var limits = TransportLimits()
    limits.maximumFrameBytes = 68 << 20
    limits.highWaterMark = 1_024
    limits.queuedMessagesPerPeer = 1_024
    limits.linkSendHighWaterMark = 8
    return limits
  }()
}
