// SPDX-License-Identifier: GPL-3.0-or-later

/// Peers that only exchange bytes, for the figure of libzmq alone.
final class BareLoop: PeerLoop {
  private let sockets: PeerSockets
  private let answer: [UInt8]
  private let interval: Int64
  private let clock = LoopClock()
  private var wordAt: [Int64]
  private(set) var sight = FleetSight()

  init(sockets: PeerSockets, count: Int, answer: Int, interval: Int64) {
    (self.sockets, self.interval) = (sockets, interval)
    self.answer = [UInt8](repeating: 7, count: answer)
    wordAt = Array(repeating: 0, count: count)
  }

  func begin() {
    for index in wordAt.indices {
      if !sockets.connect(index) { sight.trouble = "peer \(index) can't connect" }
      wordAt[index] = interval * Int64(index) / Int64(wordAt.count)
      say(index)
    }
  }

  func turn() {
    sockets.receive(within: 5) { index, _ in
      sight.heard += 1
      say(index)
    }
    let now = clock.now
    for index in wordAt.indices where now >= wordAt[index] {
      say(index)
      wordAt[index] = now + interval
    }
  }

  private func say(_ index: Int) { if sockets.send(answer, from: index) { sight.said += 1 } }
}
