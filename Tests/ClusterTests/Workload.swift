// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Synchronization

/// Writes documents one after the other, finds the primary again after a failure, remembers what was acknowledged.
final class Workload: Sendable {
  static let database = "load"
  static let collection = "documents"

  private let cluster: TestCluster
  private let state = Mutex<(next: Int, acknowledged: [Int], isStopping: Bool)>((0, [], false))

  init(_ cluster: TestCluster) { self.cluster = cluster }

  var acknowledged: [Int] { state.withLock { $0.acknowledged } }

  func stop() { state.withLock { $0.isStopping = true } }

  /// Writes until it is stopped.
  func run() async throws {
    var client: WireClient?
    while !state.withLock({ $0.isStopping }) {
      let number = state.withLock { state -> Int in
        defer { state.next += 1 }
        return state.next
      }
      do {
        if client == nil { client = try await cluster.client(try await cluster.primary()) }
        try client?.succeed(Self.insert(number))
        state.withLock { $0.acknowledged.append(number) }
      } catch is TestFailure {
        // The primary is gone or stepped down: whether the document stands is unknown, so it does not count.
        client = nil
      }
    }
  }

  /// Waits until `count` more documents were acknowledged.
  func progress(by count: Int) async throws {
    let target = acknowledged.count + count
    _ = try await eventually("\(count) more acknowledged writes") {
      acknowledged.count >= target ? true : nil
    }
  }

  /// Reads every acknowledged document back from `node`; answers the ids that are missing.
  func missing(on node: Daemon) async throws -> [Int] {
    let client = try await cluster.client(node)
    var found = Set<Int32>()
    var reply = try client.succeed([
      "find": .string(Self.collection), "filter": [:], "batchSize": 5_000, "$db": .string(Self.database),
      "$readPreference": ["mode": "secondaryPreferred"],
    ])
    while case .document(let cursor)? = reply["cursor"] {
      for key in ["firstBatch", "nextBatch"] {
        guard case .array(let batch)? = cursor[key] else { continue }
        for element in batch {
          if case .document(let document) = element.value, case .int32(let id)? = document["_id"],
            document["text"] == .string(Self.text(Int(id)))
          {
            found.insert(id)
          }
        }
      }
      guard case .int64(let id)? = cursor["id"], id != 0 else { break }
      reply = try client.succeed([
        "getMore": .int64(id), "collection": .string(Self.collection), "batchSize": 5_000,
        "$db": .string(Self.database),
      ])
    }
    return acknowledged.filter { !found.contains(Int32($0)) }
  }

  private static func text(_ number: Int) -> String { "\(TestCluster.marker) \(number)" }

  private static func insert(_ number: Int) -> Document {
    [
      "insert": .string(collection), "$db": .string(database),
      "documents": [["_id": .integer(number), "text": .string(text(number))]],
    ]
  }
}

extension TestCluster {
  /// Runs `body` while a workload writes; afterwards every acknowledged write has to be on every node.
  func underLoad(_ body: (Workload) async throws -> Void) async throws {
    let load = Workload(self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await load.run() }
      do {
        try await load.progress(by: 20)
        try await body(load)
        try await load.progress(by: 20)
      } catch {
        load.stop()
        throw error
      }
      load.stop()
      try await group.waitForAll()
    }
    for node in nodes {
      _ = try await eventually("every acknowledged write on \(node.name)") {
        (try? await load.missing(on: node))?.isEmpty == true ? true : nil
      }
    }
  }
}
