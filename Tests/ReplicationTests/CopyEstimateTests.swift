// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Synchronization
import Testing

@testable import Replication

@Suite("The size of a copy under way", .serialized) struct CopyEstimateTests {
  @Test("is told well before its end, although what came last is in the cache alone")
  func estimate() async throws {
    try await Shard.with(1) { shard in
      let (_, _, member) = try await shard.primary()
      var random = SystemRandomNumberGenerator()
      for number in 1...150 {
        let document = (0..<37_500).flatMap { _ in BigEndian.bytes(random.next() as UInt64) }
        try await member.write { view in
          let id =
            try view.collection(database: "large", name: "a")
            ?? view.createCollection(try DatabaseName("large"), name: "a")
          try view.put(id, key: BigEndian.bytes(UInt64(number)), document: document)
        }
      }
      // The source's file as it is once all of it is written: as large as that of a copy that is whole.
      let size = Mutex<UInt64>(0)
      for attempt in 1...2 {
        let fresh = try TestNode("n9-\(attempt)", in: shard.folder).make(encrypted: false, cacheBytes: 64 << 20)
        let source = HookedSource(
          try await member.openCopy(), beginning: { $0.fileBytes = size.withLock { $0 } }
        ) { _ in }
        let shown = Mutex<[CopyProgress]>([])
        try await GenerationRebuild.run(into: fresh, from: CopySources(source), lostTerm: 1, isCancelled: { false }) {
          progress in
          shown.withLock { $0.append(progress) }
        }
        let all = shown.withLock { $0 }
        let whole = Double(try #require(all.last).bytes)
        let ids = try await member.readers.read { view in try view.collections(in: "large").map(\.id) }
        size.withLock { size in size = ids.reduce(0) { $0 + fresh.fileBytes(of: $1) } }
        guard attempt == 2 else { continue }
        let late = all.filter { Double($0.bytes) > whole * 0.4 && Double($0.bytes) < whole * 0.99 }
        #expect(late.count > 10)
        let factors = late.map { Double($0.bytesTotal) / whole }
        #expect(factors.allSatisfy { (0.7...1.35).contains($0) }, "\(factors.map { ($0 * 100).rounded() / 100 })")
      }
    }
  }
}
