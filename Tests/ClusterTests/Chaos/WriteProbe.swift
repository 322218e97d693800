// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Synchronization

/// Writes small documents one after the other, to whichever node takes them, and notes when each was acknowledged.
final class WriteProbe: Sendable {
  private static let collection = "probe"
  private static let database = "failover"

  private let ports: [Int]
  private let state = Mutex<(acknowledged: [(id: Int, at: ContinuousClock.Instant)], isStopping: Bool)>(([], false))

  init(_ cluster: TestCluster) { ports = cluster.nodes.map(cluster.configuredPort(of:)) }

  var acknowledged: [(id: Int, at: ContinuousClock.Instant)] { state.withLock { $0.acknowledged } }

  func stop() { state.withLock { $0.isStopping = true } }

  /// Writes until it is stopped, on a thread of its own; it tries each node in turn, as fast as they answer.
  func run() async throws {
    try await blocking { [self] in
      var id = 0
      var turn = 0
      while !state.withLock({ $0.isStopping }) {
        guard let client = try? WireClient(port: ports[turn % ports.count], timeoutSeconds: 2) else {
          turn += 1
          usleepBetweenTries()
          continue
        }
        while !state.withLock({ $0.isStopping }), (try? client.succeed(Self.insert(id))) != nil {
          state.withLock { $0.acknowledged.append((id, .now)) }
          id += 1
        }
        // What became of this one is unknown, so that the next try has to have another name.
        id += 1
        turn += 1
        usleepBetweenTries()
      }
    }
  }

  /// When the first write after `instant` was acknowledged.
  func firstWrite(after instant: ContinuousClock.Instant, within limit: Duration) async throws
    -> ContinuousClock.Instant
  {
    try await eventually(within: limit, "a write is acknowledged") {
      acknowledged.first { $0.at > instant }?.at
    }
  }

  /// The longest time without an acknowledged write since `instant`.
  func longestPause(since instant: ContinuousClock.Instant) -> Duration {
    let times = [instant] + acknowledged.map(\.at).filter { $0 > instant }
    return zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? .zero
  }

  /// The acknowledged documents that a node does not have.
  func missing(on node: Daemon, of cluster: TestCluster) async throws -> [Int] {
    let client = try await cluster.client(node)
    return try acknowledged.map(\.id).filter { id in
      let reply = try client.succeed([
        "count": .string(Self.collection), "query": ["_id": .integer(id)], "$db": .string(Self.database),
        "$readPreference": ["mode": "secondaryPreferred"],
      ])
      return reply["n"] != .int32(1)
    }
  }

  // tidy:allow sleep between two tries of a node that refuses; what is waited for is the answer of another
  private func usleepBetweenTries() { usleep(5_000) }

  private static func insert(_ id: Int) -> Document {
    ["insert": .string(collection), "$db": .string(database), "documents": [["_id": .integer(id)]]]
  }
}
