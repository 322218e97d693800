// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation
internal import Synchronization

/// What can be seen of a fleet from outside.
package struct FleetSight: Sendable {
  /// Agents the coordinator answered since their process began.
  package var welcome = 0
  /// Agents that serve.
  package var serving = 0
  /// The oldest IP list that an agent holds.
  package var lowestList: UInt64 = 0
  /// Agents that are on the list which they hold.
  package var listed = 0
  /// Restarts of processes so far.
  package var restarts = 0
  /// Messages said and heard.
  package var said = 0
  package var heard = 0
  /// Bytes of the last IP list, and of the last heartbeat, as they travelled.
  package var listBytes = 0
  package var heartbeatBytes = 0
  /// What went wrong, nil if nothing did.
  package var trouble: String?

  package init() {}
}

/// A fleet of agents on a thread of its own, on real sockets, in the words of the real protocol.
package final class FleetPeers: Sendable {
  package let count: Int
  private let keys: [PeerKeys]
  private let state: Mutex<(sight: FleetSight, isOver: Bool, hasEnded: Bool)> = Mutex((FleetSight(), false, true))

  /// Draws keys for so many agents; nil if libzmq can't.
  package init?(count: Int) {
    let keys = (0..<count).compactMap { _ in PeerKeys() }
    guard keys.count == count else { return nil }
    (self.count, self.keys) = (count, keys)
  }

  /// An agent's public key in Z85, for its enrolment.
  package func publicKey(_ number: Int) -> String { keys[number].publicKey }

  package var sight: FleetSight { state.withLock { $0.sight } }

  /// Connects all agents to a coordinator; they speak until `stop`.
  package func start(endpoint: String, serverKey: String) {
    let sockets: @Sendable () -> PeerSockets = { [keys] in
      PeerSockets(endpoint: endpoint, serverKey: serverKey, keys: keys)
    }
    run { FleetLoop(sockets: sockets(), count: $0) }
  }

  /// Connects all to a bare socket: they say hello, answer each message with `answer` bytes, and say as much at each
  /// `interval` (milliseconds).
  package func start(endpoint: String, serverKey: String, answering answer: Int, every interval: Int64) {
    let sockets: @Sendable () -> PeerSockets = { [keys] in
      PeerSockets(endpoint: endpoint, serverKey: serverKey, keys: keys)
    }
    run { BareLoop(sockets: sockets(), count: $0, answer: answer, interval: interval) }
  }

  private func run(_ make: @escaping @Sendable (Int) -> any PeerLoop) {
    state.withLock { $0 = (FleetSight(), false, false) }
    let thread = Thread { [self] in
      do {
        let loop = make(count)
        loop.begin()
        while !state.withLock({ $0.isOver }) {
          loop.turn()
          let sight = loop.sight
          state.withLock { $0.sight = sight }
        }
      }
      // The sockets are closed.
      state.withLock { $0.hasEnded = true }
    }
    thread.name = "kf-fleet"
    thread.start()
  }

  /// Ends all connections, and answers once they are ended.
  package func stop() async {
    state.withLock { $0.isOver = true }
    // tidy:allow sleep a thread ends, and tells by a flag
    while !state.withLock({ $0.hasEnded }) { try? await Task.sleep(for: .milliseconds(5)) }
  }

  /// Waits until the fleet looks as wanted; false if it does not within `limit`, or can't go on.
  package func wait(within limit: Duration, until isWanted: (FleetSight) -> Bool) async -> Bool {
    let end = ContinuousClock.now + limit
    while true {
      let sight = sight
      if sight.trouble != nil { return false }
      if isWanted(sight) { return true }
      guard ContinuousClock.now < end, !Task.isCancelled else { return false }
      // tidy:allow sleep what the fleet shows is looked at again; the limit ends the wait
      try? await Task.sleep(for: .milliseconds(5))
    }
  }
}

/// What runs on the fleet's thread.
protocol PeerLoop: AnyObject {
  var sight: FleetSight { get }
  func begin()
  /// One look at the sockets and at the clock.
  func turn()
}

/// The time of a loop.
struct LoopClock {
  private let start = ContinuousClock.now

  var now: Int64 { Int64((ContinuousClock.now - start) / .milliseconds(1)) }
}
