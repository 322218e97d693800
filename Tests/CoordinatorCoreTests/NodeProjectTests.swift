// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

private let shop = Bench.project
private let other = ProjectName(checked: "other")
private let orders = Bench.cluster
private let theirs = ClusterName(checked: "theirs")
private let ada = OperatorName(checked: "ada")

@Suite("A node that was enrolled for a project is taken by that project's clusters alone")
struct NodeProjectTests {
  private func bench() throws -> Bench {
    var bench = try Bench()
    for name in [shop, other] {
      try bench.order { core, now throws(CoordinatorError) in try core.createProject(name, now: now) }
    }
    return bench
  }

  private func enroll(
    _ number: Int, cluster: ClusterName? = nil, project: ProjectName? = nil, in bench: inout Bench
  ) throws(CoordinatorError) {
    _ = try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(
        Bench.node(number), cluster: cluster, project: project, publicKey: Bench.publicKey(number), now: now)
    }
  }

  private func create(
    _ cluster: ClusterName, _ project: ProjectName, _ numbers: [Int], in bench: inout Bench
  ) throws(CoordinatorError) {
    _ = try bench.order { core, now throws(CoordinatorError) in
      try core.createCluster(cluster, project: project, nodes: numbers.map { Bench.node($0) }, now: now)
    }
  }

  @Test("also by the cluster it names, and as far as its operators see it")
  func taken() throws {
    var bench = try bench()
    try enroll(1, cluster: orders, project: shop, in: &bench)
    try enroll(2, project: shop, in: &bench)
    try enroll(3, in: &bench)
    #expect(throws: CoordinatorError.self) { try create(theirs, other, [2], in: &bench) }
    // The cluster's name alone does not get the other project the node that is meant for it.
    #expect(throws: CoordinatorError.self) { try create(orders, other, [], in: &bench) }
    try create(orders, shop, [], in: &bench)
    #expect(bench.record?.nodes == [Bench.node(1)])
    #expect(bench.core.projectOfNode(try bench.core.node(named: Bench.node(2))) == shop)
    // A node of no project is anybody's, as before.
    try create(theirs, other, [3], in: &bench)
    for number in [2] {
      do {
        try bench.core.checkUsable(Bench.node(number), for: theirs)
        Issue.record("it was taken")
      } catch {
        #expect(error.code == .refused && !error.description.contains(shop.text), "\(error)")
      }
    }
    try bench.restart()
    #expect(throws: CoordinatorError.self) { try bench.core.checkUsable(Bench.node(2), for: theirs) }
    try bench.core.checkUsable(Bench.node(2), for: orders)
  }

  @Test("by way of a cluster that is there already; not for a cluster of another one, or a project that is not there")
  func enrolment() throws {
    var bench = try bench()
    try enroll(1, in: &bench)
    try create(orders, shop, [1], in: &bench)
    try enroll(2, cluster: orders, in: &bench)
    #expect(bench.core.nodeRecords[Bench.node(2)]?.project == shop)
    #expect(throws: CoordinatorError.self) { try enroll(3, cluster: orders, project: other, in: &bench) }
    #expect(throws: CoordinatorError.self) { try enroll(3, project: ProjectName(checked: "none"), in: &bench) }
    // An unused node moves; one in a cluster does not.
    try enroll(2, project: other, in: &bench)
    let moved = bench.core.nodeRecords[Bench.node(2)]
    #expect(moved?.project == other && moved?.intendedCluster == nil)
    #expect(throws: CoordinatorError.self) { try enroll(1, project: other, in: &bench) }
    try enroll(1, project: shop, in: &bench)
    #expect(bench.core.nodeRecords[Bench.node(1)]?.project == shop)
  }

  @Test("and is seen by whoever has a role there, and nobody else who has none in the installation")
  func sight() throws {
    var bench = try bench()
    try enroll(1, project: shop, in: &bench)
    try enroll(2, in: &bench)
    try bench.order { core, now throws(CoordinatorError) in
      try core.addOperator(ada, publicKey: Bench.publicKey(60), now: now)
    }
    func seen() -> [NodeName] {
      let views = bench.core.nodes.map { bench.core.view(of: $0, now: bench.now) }
      if case .nodes(let list) = bench.core.visible(.nodes(views), to: ada) { return list.map(\.name) }
      return []
    }
    try bench.order { core, now throws(CoordinatorError) in
      try core.addMember(ada, to: other, role: .projectOwner, now: now)
    }
    #expect(seen().isEmpty)
    try bench.order { core, now throws(CoordinatorError) in
      try core.addMember(ada, to: shop, role: .readOnly, now: now)
    }
    #expect(seen() == [Bench.node(1)])
  }

  @Test("a token carries the project; a record from before nodes had one is read")
  func stored() throws {
    var bench = try bench()
    let (token, node) = (Bench.publicKey(80), Bench.node(4))
    try bench.order { core, now throws(CoordinatorError) in
      try core.createToken(
        for: node, cluster: nil, project: shop, publicKey: token, minutes: 1, by: ada, now: now)
    }
    let outcome = bench.core.onEnrolment(token: token, request: (node, Bench.publicKey(4)), from: nil, now: bench.now)
    bench.take(outcome.directives)
    #expect(outcome.refusal == nil && bench.core.nodeRecords[node]?.project == shop)
    let record = try #require(bench.disk[RecordKey(kind: .node, id: node.text)])
    let json = String(decoding: try record.json(), as: UTF8.self).replacing("\"project\":\"shop\",", with: "")
    #expect(!json.contains("project"))
    guard case .node(let read) = try StateRecord(key: record.key, json: Array(json.utf8)) else { return }
    #expect(read.project == nil)
  }
}
