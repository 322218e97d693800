// SPDX-License-Identifier: GPL-3.0-or-later

/// What a listener or link has counted since it started.
public struct TransportCounters: Sendable, Equatable {
  /// Messages handed to the event handler.
  public var received: UInt64 = 0
  /// Messages handed to libzmq.
  public var sent: UInt64 = 0
  /// Connections that proved their key.
  public var connected: UInt64 = 0
  /// Connections that ended after they had sent a message.
  public var disconnected: UInt64 = 0
  /// Connections that ended before they proved a key: wrong keys, foreign protocols, silence.
  public var refusedHandshakes: UInt64 = 0
  /// Handshakes with a key nobody enrolled.
  public var unknownKeys: UInt64 = 0
  /// Handshakes with a revoked key.
  public var revokedKeys: UInt64 = 0
  /// Connections refused or ended because of the address they come from.
  public var refusedAddresses: UInt64 = 0
  /// Messages dropped because their sender's key is no longer on the list.
  public var droppedUnlisted: UInt64 = 0
  /// Messages dropped because they claim another node than their key's.
  public var droppedImpostor: UInt64 = 0
  /// Messages that were no valid envelope.
  public var malformed: UInt64 = 0
  /// Messages of another protocol version.
  public var unsupportedVersion: UInt64 = 0
  /// Messages of a kind unknown here.
  public var unknownMessage: UInt64 = 0
  /// Sends refused because too much was waiting.
  public var congested: UInt64 = 0
  /// Messages that were queued but could not be delivered: the peer had gone.
  public var undelivered: UInt64 = 0
  /// Answers to calls that nobody waits for any more.
  public var lateReplies: UInt64 = 0

  /// Nothing counted.
  public init() {}

  /// Adds what another link or listener counted.
  public static func += (sum: inout Self, other: Self) {
    let counts: [WritableKeyPath<Self, UInt64>] = [
      \.received, \.sent, \.connected, \.disconnected, \.refusedHandshakes, \.unknownKeys, \.revokedKeys,
      \.refusedAddresses, \.droppedUnlisted, \.droppedImpostor, \.malformed, \.unsupportedVersion, \.unknownMessage,
      \.congested,
      \.undelivered, \.lateReplies,
    ]
    for count in counts { sum[keyPath: count] &+= other[keyPath: count] }
  }
}
