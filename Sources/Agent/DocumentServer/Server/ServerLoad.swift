// SPDX-License-Identifier: GPL-3.0-or-later

/// What a server holds at a moment, beside its limits.
public struct ServerLoad: Sendable, Equatable {
  /// Open connections.
  public var connections: Int
  /// How many there may be.
  public var connectionLimit: Int
  /// Those of them on which nobody is logged in.
  public var strangers: Int
  /// Bytes set aside for messages of drivers.
  public var requestBytes: Int
  /// How many bytes there are for them.
  public var requestByteLimit: Int
  /// Bytes set aside for replies to drivers.
  public var replyBytes: Int
  /// How many bytes there are for them.
  public var replyByteLimit: Int
  /// Connections that wait for room for a message or a reply.
  public var waitingForMemory: Int
  /// The open cursors.
  public var cursors: CursorLoad
}

/// What the cursors of a server take, beside their limits.
public struct CursorLoad: Sendable, Equatable {
  /// Open cursors.
  public var cursors: Int
  /// How many there may be.
  public var cursorLimit: Int
  /// Bytes of sorted results that they keep.
  public var bytes: Int
  /// How many bytes they may keep.
  public var byteLimit: Int
}
