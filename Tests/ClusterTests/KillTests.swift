// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("Processes that are killed", .serialized, .timeLimit(.minutes(10))) struct KillTests {
  @Test("a killed primary is replaced without help, and no acknowledged write is lost")
  func primary() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try await cluster.underLoad { load in
        let old = try await cluster.primary()
        old.kill9()
        #expect(try await cluster.primary().name != old.name)
        try await load.progress(by: 20)
        try await old.start()
      }
    }
  }

  @Test("the cluster goes on without coordinator and KMS, elects, and takes them back")
  func controlPlane() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      try cluster.encrypt()
      try await cluster.underLoad { load in
        cluster.coordinator.kill9()
        cluster.kms.kill9()
        let old = try await cluster.primary()
        old.kill9()
        try await load.progress(by: 20)
        try await cluster.kms.start()
        try await cluster.coordinator.start()
        try await old.start()
      }
    }
  }

  /// Which process dies next, and after how many acknowledged writes; the seed is printed when the test fails.
  @Test(
    "killed at random during encrypt and rotate, every plan finishes and nothing is lost",
    arguments: [1, 2, 3] as [UInt64])
  func plans(seed: UInt64) async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      var random = SeededGenerator(state: seed)
      try cluster.useKey()
      try await cluster.underLoad { load in
        try cluster.operate("cluster", "encrypt", TestCluster.name)
        try await killSome(4, of: cluster, load, &random)
        try await finished("encrypt", in: cluster)
        try cluster.operate("keys", "rotate", TestCluster.name)
        try await killSome(3, of: cluster, load, &random)
        try await finished("rotate", in: cluster)
      }
      #expect(try DiskScan.count(TestCluster.marker, below: cluster.root + "/nodes") == 0)
      for node in cluster.nodes { #expect(try DiskScan.generations(of: node) == 1) }
    }
  }

  private func killSome(
    _ times: Int, of cluster: TestCluster, _ load: Workload, _ random: inout SeededGenerator
  ) async throws {
    for _ in 0..<times {
      let all = cluster.nodes + [cluster.coordinator, cluster.kms]
      let victim = all[Int.random(in: 0..<all.count, using: &random)]
      victim.kill9()
      try await victim.start()
      try await load.progress(by: Int.random(in: 1...40, using: &random))
    }
  }

  private func finished(_ kind: String, in cluster: TestCluster) async throws {
    _ = try await eventually("plan \(kind) is done") { () -> Bool? in
      guard let list = try? cluster.query("plan", "list") as? [String: Any],
        let plans = list["plans"] as? [[String: Any]],
        let plan = plans.first(where: { ($0["kind"] as? String)?.contains(kind) == true })
      else { return nil }
      return plan["state"] as? String == "done" ? true : nil
    }
  }
}

/// SplitMix64, so that a failing order of kills can be tried again.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
