// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import NIOCore
internal import Synchronization

/// The open connections, so that there are not too many, the right ones have the places, and shutting down can tell
/// idle from busy ones.
final class ConnectionRegistry: Sendable {
  private struct Entry {
    let channel: any Channel
    let address: String?
    var isBusy = false
  }

  /// A new connection's number, and the connection whose place it took, which is to be closed.
  struct Admitted {
    let id: Int32
    var evicted: (channel: any Channel, address: String?)?
  }

  /// What is logged once in a minute for each address.
  private struct Refused: Hashable {
    let reason: ServerMeasures.Refusal
    let address: String
  }

  private struct State {
    var places: ConnectionPlaces
    var entries: [Int32: Entry] = [:]
    var lastID: Int32 = 0
    var isStopping = false
    var listener: (any Channel)?
    var rule = AddressRule.anyone
    var refusals: [Refused: ContinuousClock.Instant] = [:]
  }

  /// How long the refusal of an address stays the only one that is logged.
  static let refusalWindow = Duration.seconds(60)
  /// How many addresses are remembered for that; above it, further refusals are only counted.
  static let rememberedRefusals = 1_024

  private let state: Mutex<State>

  init(_ limits: ServerLimits) { state = Mutex(State(places: ConnectionPlaces(limits))) }

  /// Remembers the listening socket; false if the server is to stop already.
  func listen(_ channel: any Channel) -> Bool {
    state.withLock { state in
      state.listener = channel
      return !state.isStopping
    }
  }

  /// Adds a connection and numbers it; nil if there are too many or the server stops. `knowsUsers` is whether anybody
  /// can be expected to log in: then one that has not may have to give up its place.
  func add(_ channel: any Channel, knowsUsers: Bool) -> Admitted? {
    let address = channel.peerAddress
    let client = ClientAddress(address)
    return state.withLock { state in
      guard !state.isStopping, state.rule.admits(address) else { return nil }
      repeat { state.lastID = state.lastID == .max ? 1 : state.lastID + 1 } while state.entries[state.lastID] != nil
      let id = state.lastID
      guard case .admitted(let victim) = state.places.onConnect(id, from: client, knowsUsers: knowsUsers) else {
        return nil
      }
      let evicted = victim.flatMap { state.entries.removeValue(forKey: $0) }
      state.entries[id] = Entry(channel: channel, address: address)
      return Admitted(id: id, evicted: evicted.map { ($0.channel, $0.address) })
    }
  }

  /// Notes that somebody has logged in on a connection, or out.
  func note(_ id: Int32, isLoggedIn: Bool) { state.withLock { $0.places.onLogin(id, isLoggedIn) } }

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

  /// Whether the refusal of an address for a reason is to be logged: once in a minute.
  func allowsLog(of address: String, _ reason: ServerMeasures.Refusal, now: ContinuousClock.Instant = .now) -> Bool {
    state.withLock { state in
      if state.refusals.count >= Self.rememberedRefusals {
        state.refusals = state.refusals.filter { now - $0.value < Self.refusalWindow }
      }
      let refused = Refused(reason: reason, address: address)
      if let last = state.refusals[refused] {
        guard now - last >= Self.refusalWindow else { return false }
      } else if state.refusals.count >= Self.rememberedRefusals {
        return false
      }
      state.refusals[refused] = now
      return true
    }
  }

  func remove(_ id: Int32) {
    state.withLock { state in
      state.entries.removeValue(forKey: id)
      state.places.onClose(id)
    }
  }

  /// Marks a connection as at work on a request; false if the server stops and none is to be begun, or if the
  /// connection has given up its place.
  func begin(_ id: Int32) -> Bool {
    state.withLock { state in
      guard !state.isStopping, state.entries[id] != nil else { return false }
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

  /// How many of them nobody is logged in on.
  var strangers: Int { state.withLock { $0.places.strangers } }

  /// Whether it was told to stop.
  var isStopping: Bool { state.withLock { $0.isStopping } }
}
