// SPDX-License-Identifier: GPL-3.0-or-later

internal import NIOCore
internal import Synchronization

/// The connections of a server, counted so that there are never more than its limit, and kept to close them at its end.
final class OpenConnections: Sendable {
  let limit: Int
  private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])

  init(limit: Int) { self.limit = limit }

  /// How many connections there are.
  var count: Int { channels.withLock { $0.count } }

  /// Counts a connection until it closes; false if there are too many already.
  func add(_ channel: any Channel) -> Bool { add(channel, most: limit) }

  /// Counts a connection until it closes, also above the limit, but not without any.
  func addAlways(_ channel: any Channel) -> Bool { add(channel, most: limit + 16) }

  private func add(_ channel: any Channel, most: Int) -> Bool {
    let id = ObjectIdentifier(channel)
    let isAdded = channels.withLock { channels in
      guard channels.count < most else { return false }
      channels[id] = channel
      return true
    }
    guard isAdded else { return false }
    channel.closeFuture.whenComplete { _ in
      self.channels.withLock { channels in _ = channels.removeValue(forKey: id) }
    }
    return true
  }

  /// Closes every connection, whatever its client does.
  func closeAll() async {
    let open = channels.withLock { Array($0.values) }
    for channel in open { channel.triggerUserOutboundEvent(ConnectionEvent.end, promise: nil) }
    for channel in open { try? await channel.closeFuture.get() }
  }
}
