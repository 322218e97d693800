// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import ClusterModel
import EncryptedStore
import Foundation
import Logging
import Replication
import ReplicationCore

/// Concurrent writers at the only member of a shard: how many writes share a disk sync.
struct CommitBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "commit",
    abstract: "Acknowledged writes per second, and disk syncs per write, of 1, 4, 16 and 64 writers.",
    discussion: """
      Each writer inserts one document of 256 bytes and waits for its acknowledgement before it inserts the next. One \
      batch is on its way at a time, and its oplog entry is one sync of the journal: the others wait for the next \
      batch. The syncs are counted as oplog entries.
      """)

  @Option(help: "Seconds for each number of writers.") var seconds = 2.0
  @Option(help: "Folder for the data.") var folder = FileManager.default.temporaryDirectory.path

  func run() async throws {
    report("Group commit, one member in plaintext, documents of 256 bytes:")
    report(" writers   writes/s   syncs/s   syncs per write   mean wait")
    for writers in [1, 4, 16, 64] {
      let bench = try await BenchMember(cacheBytes: 64 << 20, in: folder)
      defer { bench.remove() }
      let (writes, syncs, elapsed) = try await bench.commit(writers: writers, for: .seconds(seconds))
      try await bench.member.close()
      let wait = elapsed / Double(max(1, writes)) * Double(writers) * 1000
      report(
        String(
          format: "%8d %10.0f %9.0f %17.3f %8.2f ms", writers, Double(writes) / elapsed, Double(syncs) / elapsed,
          Double(syncs) / Double(max(1, writes)), wait))
    }
  }
}

extension BenchMember {
  /// Writes from `writers` tasks for a while; returns how many writes were acknowledged, with how many syncs.
  fileprivate func commit(writers: Int, for time: Duration) async throws -> (writes: Int, syncs: Int, elapsed: Double) {
    let collection = try await member.write { view in
      try view.createCollection(try DatabaseName("bench"), name: "commit")
    }
    let (before, start) = (member.status.lastIndex, ContinuousClock.now)
    let end = start + time
    let member = member
    let writes = try await withThrowingTaskGroup(of: Int.self) { group in
      for writer in 0..<writers {
        group.addTask {
          var number = 0
          while ContinuousClock.now < end {
            number += 1
            let key = Array("\(writer).\(number)".utf8)
            try await member.write { try $0.put(collection, key: key, document: [UInt8](repeating: 7, count: 256)) }
          }
          return number
        }
      }
      return try await group.reduce(0, +)
    }
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    return (writes, Int(member.status.lastIndex - before), elapsed)
  }
}
