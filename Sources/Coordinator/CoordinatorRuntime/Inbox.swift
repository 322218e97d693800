// SPDX-License-Identifier: GPL-3.0-or-later
internal import Messages
internal import Synchronization
internal import Transport

/// What came in from peers and was not handled yet: bounded, in order, filled by the socket's thread.
///
/// A heartbeat that waits is replaced by the next one of its link. What does not fit is dropped and counted: agents and
/// operators ask again. The end of a link is never dropped.
final class Inbox: Sendable {
  /// How many messages wait at most.
  static let capacity = 8192

  /// How many bytes of messages wait at most.
  static let byteCapacity = 64 << 20

  /// One thing that came in.
  enum Item: Sendable {
    case message(Inbound)
    case disconnected(Route)

    var bytes: Int { if case .message(let inbound) = self { inbound.bytes } else { 0 } }
  }

  private enum Entry: Sendable {
    case item(Item)
    /// The heartbeat that waits for this link.
    case heartbeat(Route)
  }

  private struct State: Sendable {
    /// Entries from `next` on wait; those before were handed out and hold nothing any more.
    var entries: [Entry?] = []
    var next = 0
    var heartbeats: [Route: Inbound] = [:]
    var bytes = 0
    var dropped: UInt64 = 0
  }

  /// One element whenever something came in; several arrivals may share one.
  let arrivals: AsyncStream<Void>

  private let announce: AsyncStream<Void>.Continuation
  private let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int = Inbox.capacity) {
    self.capacity = capacity
    (arrivals, announce) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// Takes in what the listener tells, on its thread.
  func take(_ event: ListenerEvent) {
    switch event {
    case .message(let inbound): take(inbound)
    case .disconnected(let route): append(.item(.disconnected(route)), always: true)
    case .undelivered: break  // the disconnect tells, and the core repeats what matters
    }
    announce.yield()
  }

  /// The oldest thing that waits, nil if nothing does.
  func pop() -> Item? {
    state.withLock { state in
      guard state.next < state.entries.count else { return nil }
      let entry = state.entries[state.next].take()
      state.next += 1
      if state.next == state.entries.count || state.next > 1024 {
        state.entries.removeFirst(state.next)
        state.next = 0
      }
      switch entry {
      case nil: return nil
      case .item(let item):
        state.bytes -= item.bytes
        return item
      case .heartbeat(let route): return state.heartbeats.removeValue(forKey: route).map { .message($0) }
      }
    }
  }

  /// What waits, and what was dropped because too much waited.
  var load: (items: Int, bytes: Int, dropped: UInt64) {
    state.withLock { ($0.entries.count - $0.next, $0.bytes, $0.dropped) }
  }

  /// How many messages were dropped because too many waited.
  var dropped: UInt64 { state.withLock { $0.dropped } }

  private func take(_ inbound: Inbound) {
    guard case .heartbeat = inbound.envelope.body else {
      append(.item(.message(inbound)), always: false)
      return
    }
    let isNew = state.withLock { $0.heartbeats.updateValue(inbound, forKey: inbound.route) == nil }
    if isNew && !append(.heartbeat(inbound.route), always: false) {
      state.withLock { state in state.heartbeats[inbound.route] = nil }
    }
  }

  @discardableResult
  private func append(_ entry: Entry, always: Bool) -> Bool {
    var bytes = 0
    if case .item(let item) = entry { bytes = item.bytes }
    return state.withLock { state in
      let fits = state.entries.count - state.next < capacity
      guard always || (fits && state.bytes + bytes <= Self.byteCapacity) else {
        state.dropped += 1
        return false
      }
      state.bytes += bytes
      state.entries.append(entry)
      return true
    }
  }
}
