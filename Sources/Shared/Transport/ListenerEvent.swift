// SPDX-License-Identifier: GPL-3.0-or-later
public import Messages

/// One connection of a listener, as long as it lasts; a peer that connects again gets another one.
public struct Route: Hashable, Sendable, CustomStringConvertible {
  /// The routing id that the listener's own socket drew; peers can't choose it.
  let routingID: [UInt8]

  /// A short name for logs.
  public var description: String {
    routingID.map { byte in
      let text = String(byte, radix: 16)
      return byte < 16 ? "0" + text : text
    }.joined()
  }
}

/// A message as it came in, from a peer whose key was checked.
public struct Inbound: Sendable {
  /// The message.
  public let envelope: Envelope
  /// The payload frame of a node's message, empty if there was none.
  public let payload: [UInt8]
  /// The payload frame of an operator's message, if there was one: it may carry a secret.
  public var order: WipedBytes?
  /// Who sent it, by the key of the connection.
  public let peer: PeerIdentity
  /// Where an answer goes.
  public let route: Route
  /// What the message took on the wire, envelope and payload.
  public let bytes: Int
  /// The address that the connection comes from, nil if it is gone already.
  public var address: String?
}

/// What a listener tells its owner, on the socket's thread: handle it quickly or pass it on.
public enum ListenerEvent: Sendable {
  /// A message came.
  case message(Inbound)
  /// A connection that had sent a message is gone; its route is dead.
  case disconnected(Route)
  /// A message that `send` had taken could not be delivered: its connection is gone.
  case undelivered(Route, messageID: UInt64)
}

/// What a link tells its owner, on the socket's thread: handle it quickly or pass it on.
public enum LinkEvent: Sendable {
  /// Both keys are proved; say hello. Comes again after each interruption.
  case connected
  /// The connection is gone, calls in flight have failed; the link tries again by itself.
  case disconnected
  /// The other side does not take our key, or is not who we think; the link tries again by itself, ever more slowly.
  case refused(RefusalReason)
  /// A message came that no call waits for.
  case message(Envelope, payload: [UInt8])
}

/// Why a connection was refused, as far as the other side tells.
public enum RefusalReason: String, Sendable {
  /// Our key was revoked there.
  case keyRevoked = "the other side revoked our key"
  /// Our key is not enrolled there (yet), or the other side's key is another than the configured one.
  case keyUnknown = "our key is not enrolled there, or the other side's key is not the configured one"
}

/// The answer to a call.
public struct Reply: Sendable {
  /// The message.
  public let envelope: Envelope
  /// The payload frame of a node's message, empty if there was none.
  public let payload: [UInt8]
  /// The payload frame of an operator's message, if there was one: it may carry a secret.
  public var order: WipedBytes?
}
