// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Keys that are refused for good")
struct RevocationTests {
  private let ada = OperatorName(checked: "ada")
  private let root = OperatorName(checked: "root")

  @Test("an operator who was removed is on no list, also after a restart, and comes back under no name")
  func operators() throws {
    var bench = try Bench()
    let (now, keys) = (bench.now, [Bench.publicKey(60), Bench.publicKey(61)])
    try bench.order { core, now throws(CoordinatorError) in
      try core.addOperator(root, publicKey: keys[0], role: .orgOwner, now: now)
    }
    #expect(throws: CoordinatorError.self) { try bench.core.removeOperator(root, now: now) }
    try bench.order { core, now throws(CoordinatorError) in try core.addOperator(ada, publicKey: keys[1], now: now) }
    #expect(bench.core.allowList[keys[1]] == .operatorKey(ada))
    try bench.order { core, now throws(CoordinatorError) in try core.removeOperator(ada, now: now) }
    try bench.restart()
    #expect(bench.core.allowList[keys[1]] == nil && bench.core.revokedKeys == [keys[1]])
    #expect(bench.core.operatorViews.map { $0.removedAt == nil } == [false, true])
    for (name, key) in [(ada, keys[1]), (ada, Bench.publicKey(62)), (OperatorName(checked: "eve"), keys[1])] {
      #expect(throws: CoordinatorError.self) { try bench.core.addOperator(name, publicKey: key, now: now) }
    }
    #expect(throws: CoordinatorError.self) { try bench.core.removeOperator(root, now: now) }
  }

  @Test("a node that was revoked is let in neither here nor by its peers, and can't be enrolled again")
  func nodes() throws {
    var bench = try Bench()
    try bench.serve(3)
    let (node, key, now) = (Bench.node(2), Bench.publicKey(2), bench.now)
    #expect(bench.record?.assignment?.members.first { $0.node == node }?.publicKey == key)
    let before = bench.record?.assignment?.version ?? 0
    try bench.order { core, now throws(CoordinatorError) in try core.revokeNode(node, now: now) }
    #expect(bench.core.allowList[key] == nil && bench.core.revokedKeys == [key])
    #expect(bench.record?.assignment?.version == before + 1)
    #expect(bench.assignments(to: Bench.node(1)).last?.members.first { $0.node == node }?.publicKey == "")
    #expect(throws: CoordinatorError.self) {
      try bench.core.enrollNode(node, cluster: nil, publicKey: key, now: now)
    }
    try bench.restart()
    #expect(bench.core.revokedKeys == [key])
    #expect(bench.record?.assignment?.members.first { $0.node == node }?.publicKey == "")
  }

  @Test("a node that was revoked is taken into no cluster")
  func intoNoCluster() throws {
    var bench = try Bench()
    try bench.enroll(2)
    let now = bench.now
    try bench.order { core, now throws(CoordinatorError) in try core.revokeNode(Bench.node(2), now: now) }
    do {
      _ = try bench.core.createCluster(
        Bench.cluster, project: Bench.project, nodes: [Bench.node(1), Bench.node(2)], now: now)
      Issue.record("it was taken")
    } catch { #expect(error.code == .refused && error.description.contains("revoked")) }
    #expect(bench.record == nil)
  }
}
