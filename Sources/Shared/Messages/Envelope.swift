// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// One message with the facts each carries: who speaks, in which epoch, what it answers, until when it matters.
public struct Envelope: Sendable {
  /// The only version this code speaks; another one is refused by `MessageError.Code.unsupportedVersion`.
  public static let currentProtocolVersion: UInt32 = 1
  /// The longest encoded envelope, in bytes; bulk bytes travel in the payload frame and don't count.
  public static let maximumEncodedBytes = 4 << 20

  /// The version of the protocol.
  public var protocolVersion: UInt32
  /// Counts up within a session; 0 lets the transport draw the next one.
  public var messageID: UInt64
  /// The `messageID` this message answers, 0 for none.
  public var correlationID: UInt64
  /// The cluster it is about, nil where there is none.
  public var cluster: ClusterName?
  /// The node that speaks or is spoken to; a node's own messages have to carry its authenticated name.
  public var node: NodeName?
  /// Between members: which process of the node speaks; nil elsewhere.
  public var boot: BootID?
  /// The coordinator's epoch, nil in messages of which it is no part.
  public var epoch: Epoch?
  /// When the message stops to matter, milliseconds since 1970; 0 for never.
  public var deadlineMilliseconds: Int64
  /// What it says.
  public var body: MessageBody

  /// Makes a message; the transport fills in its id.
  public init(
    _ body: MessageBody, cluster: ClusterName? = nil, node: NodeName? = nil, boot: BootID? = nil,
    epoch: Epoch? = nil, messageID: UInt64 = 0, correlationID: UInt64 = 0, deadlineMilliseconds: Int64 = 0
  ) {
    protocolVersion = Self.currentProtocolVersion
    self.messageID = messageID
    self.correlationID = correlationID
    self.cluster = cluster
    self.node = node
    self.boot = boot
    self.epoch = epoch
    self.deadlineMilliseconds = deadlineMilliseconds
    self.body = body
  }
}
