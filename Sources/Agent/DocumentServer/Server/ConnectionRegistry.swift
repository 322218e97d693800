// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import NIOCore
internal import Synchronization

/// The open connections, so that there are not too many and shutting down can tell idle from busy ones.
final class ConnectionRegistry: Sendable {
  private struct Entry {
    let channel: any Channel
    var isBusy = false
  }

  private struct State {
    var entries: [Int32: Entry] = [:]
    var lastID: Int32 = 0
    var isStopping = false
    var listener: (any Channel)?
    var rule = AddressRule.anyone
    var refusals: [String: ContinuousClock.Instant] = [:]
  }

  /// How long the refusal of an address stays the only one that is logged.
  static let refusalWindow = Duration.seconds(60)
  /// How many addresses are remembered for that; above it, further refusals are only counted.
  static let rememberedRefusals = 1_024

  private let maximumConnections: Int
  private let state = Mutex(State())

  init(maximumConnections: Int) { self.maximumConnections = maximumConnections }

  /// Remembers the listening socket; false if the server is to stop already.
  func listen(_ channel: any Channel) -> Bool {
    state.withLock { state in
      state.listener = channel
      return !state.isStopping
    }
  }

  /// Adds a connection and numbers it; nil if there are too many or the server stops.
  func add(_ channel: any Channel) -> Int32? {
    let maximum = maximumConnections
    return state.withLock { state in
      guard !state.isStopping, state.entries.count < maximum, state.rule.admits(channel.peerAddress) else { return nil }
      repeat { state.lastID = state.lastID == .max ? 1 : state.lastID + 1 } while state.entries[state.lastID] != nil
      state.entries[state.lastID] = Entry(channel: channel)
      return state.lastID
    }
  }

  /// Replaces the rule who may connect; answers the connections that it lets in no more.
  func admitOnly(_ rule: AddressRule) -> [any Channel] {
    state.withLock { state in
      guard state.rule != rule else { return [] }
      state.rule = rule
      return state.entries.values.map(\.channel).filter { !rule.admits($0.peerAddress) }
    }
  }

  /// Whether a connection may come from where it does.
  func admits(_ channel: any Channel) -> Bool { state.withLock { $0.rule }.admits(channel.peerAddress) }

  /// Whether the refusal of an address is to be logged: once in a minute.
  func allowsLog(of address: String, now: ContinuousClock.Instant = .now) -> Bool {
    state.withLock { state in
      if state.refusals.count >= Self.rememberedRefusals {
        state.refusals = state.refusals.filter { now - $0.value < Self.refusalWindow }
      }
      if let last = state.refusals[address] {
        guard now - last >= Self.refusalWindow else { return false }
      } else if state.refusals.count >= Self.rememberedRefusals {
        return false
      }
      state.refusals[address] = now
      return true
    }
  }

  func remove(_ id: Int32) { state.withLock { _ = $0.entries.removeValue(forKey: id) } }

  /// Marks a connection as at work on a request; false if the server stops and none is to be begun.
  func begin(_ id: Int32) -> Bool {
    state.withLock { state in
      guard !state.isStopping else { return false }
      state.entries[id]?.isBusy = true
      return true
    }
  }

  /// Marks a connection as idle; false if the server stops and it is to close.
  func end(_ id: Int32) -> Bool {
    state.withLock { state in
      state.entries[id]?.isBusy = false
      return !state.isStopping
    }
  }

  /// Lets no new connection and no new request begin and closes what is idle.
  func stop() {
    let channels = state.withLock { state in
      state.isStopping = true
      return state.entries.values.filter { !$0.isBusy }.map(\.channel) + (state.listener.map { [$0] } ?? [])
    }
    for channel in channels { channel.close(mode: .all, promise: nil) }
  }

  /// The open connections.
  var channels: [any Channel] { state.withLock { $0.entries.values.map(\.channel) } }

  var count: Int { state.withLock { $0.entries.count } }

  /// Whether it was told to stop.
  var isStopping: Bool { state.withLock { $0.isStopping } }
}
