// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

private let shop = Bench.project
private let other = ProjectName(checked: "other")
private let orders = Bench.cluster
private let node = Bench.node(1)
private let ada = OperatorName(checked: "ada")
private let root = OperatorName(checked: "root")

/// Every command, with the least role that may give it for the project `shop`.
private func everyCommand(user: DriverUserName) -> [(OperatorCommand, RequiredRole)] {
  [
    (.listProjects, .any), (.listClusters, .any), (.listNodes(cluster: nil), .any), (.keysTree(cluster: nil), .any),
    (.keysNeeded, .any), (.listPlans(cluster: nil), .any), (.showIPList, .any), (.listAlerts, .any),
    (.listPastAlerts, .any), (.showRotations(cluster: nil), .any), (.listOperators, .any), (.showCoordinator, .any),

    (.createProject(name: ProjectName(checked: "new"), owners: []), .orgOwner),
    (.enrollNode(name: node, cluster: orders, publicKey: "k"), .orgOwner), (.revokeNode(name: node), .orgOwner),
    (.createToken(node: node, cluster: orders, project: nil, publicKey: "k", minutes: 1), .orgOwner),
    (.listTokens, .orgOwner),
    (.rebuild(isDryRun: true), .orgOwner),
    (.withdrawToken(node: node), .orgOwner), (.addOperator(name: ada, publicKey: "k"), .orgOwner),
    (.removeOperator(name: ada), .orgOwner),
    (.setOperatorRole(name: ada, role: .orgOwner), .orgOwner), (.adopt(withoutMajority: false), .orgOwner),
    (.readAudit(after: nil, limit: 1), .orgOwner), (.setMail(server: MailTests.server), .orgOwner),
    (.showMail, .orgOwner), (.testMail(to: "a@example.org"), .orgOwner),

    (.addMember(project: shop, admin: ada, role: .readOnly), .anyOwner),
    (.removeMember(project: shop, admin: ada), .anyOwner),

    (.setKMS(project: shop, settings: Bench.settings), .project(.projectOwner)),
    (.removeKMS(project: shop), .project(.projectOwner)), (.retireKey(keyID: Bench.key), .project(.projectOwner)),
    (.encryptCluster(name: orders), .project(.projectOwner)), (.decryptCluster(name: orders), .project(.projectOwner)),
    (.setAlerts(project: shop, kmsNetworkAccessDenied: true), .project(.projectOwner)),
    (.setKeyAlert(project: shop, provider: nil, days: 1), .project(.projectOwner)),
    (.setMaintenance(project: shop, change: MaintenanceChange()), .project(.projectOwner)),
    (.setOwners(project: shop, owners: []), .project(.projectOwner)),
    (
      .addAccess(project: shop, range: "192.0.2.1", comment: "", hours: nil, anywhere: false), .project(.projectOwner)
    ),
    (.removeAccess(project: shop, range: "192.0.2.1"), .project(.projectOwner)),
    (.dropAccessList(project: shop), .project(.projectOwner)),
    (.createUser(cluster: orders, name: user, role: .read), .project(.projectOwner)),
    (.removeUser(cluster: orders, name: user), .project(.projectOwner)),
    (.setUserPassword(cluster: orders, name: user), .project(.projectOwner)),
    (.recover(cluster: orders, from: node), .project(.projectOwner)),
    (.approveNode(name: node), .project(.projectOwner)),

    (.createCluster(name: ClusterName(checked: "new"), project: shop, nodes: []), .project(.clusterManager)),
    (.changeCluster(name: orders, change: ClusterChange(), present: nil, isDryRun: false), .project(.clusterManager)),
    (.checkKMS(project: shop), .project(.clusterManager)), (.startCluster(name: orders), .project(.clusterManager)),
    (.shutdownCluster(name: orders), .project(.clusterManager)),
    (.restartCluster(name: orders), .project(.clusterManager)),
    (.addNode(cluster: orders, node: node, deadlineMinutes: 1), .project(.clusterManager)),
    (.removeNode(cluster: orders, node: node, abandoned: false), .project(.clusterManager)),
    (.stepDown(cluster: orders), .project(.clusterManager)), (.rotateKeys(cluster: orders), .project(.clusterManager)),
    (.deferRotation(cluster: orders), .project(.clusterManager)),
    (.tryAgain(cluster: orders), .project(.clusterManager)), (.resyncNode(name: node), .project(.clusterManager)),

    (.showProject(name: shop), .project(.readOnly)), (.showKMS(project: shop), .project(.readOnly)),
    (.listMembers(project: shop), .project(.readOnly)), (.listAccess(project: shop), .project(.readOnly)),
    (.showCluster(name: orders), .project(.readOnly)),
    (.listUsers(cluster: orders), .project(.readOnly)), (.showRecovery(cluster: orders), .project(.readOnly)),
    (.listNodes(cluster: orders), .project(.readOnly)), (.keysTree(cluster: orders), .project(.readOnly)),
    (.listPlans(cluster: orders), .project(.readOnly)), (.showRotations(cluster: orders), .project(.readOnly)),
    (.showNode(name: node), .project(.readOnly)),
  ]
}

@Suite("Roles decide what an operator may do")
struct RoleTests {
  private let table: [(OperatorCommand, RequiredRole)]

  init() throws { table = everyCommand(user: try DriverUserName("shop.app")) }

  /// A project `shop` with a cluster of three encrypted nodes, another project, and org owner root.
  private func bench() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    try bench.order { core, now throws(CoordinatorError) in
      try core.addOperator(root, publicKey: Bench.publicKey(60), role: .orgOwner, now: now)
    }
    try bench.order { core, now throws(CoordinatorError) in
      try core.addOperator(ada, publicKey: Bench.publicKey(61), now: now)
    }
    try bench.order { core, now throws(CoordinatorError) in try core.createProject(other, by: root, now: now) }
    return bench
  }

  private func give(_ role: ProjectRole, to name: OperatorName, in project: ProjectName, _ bench: inout Bench) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.addMember(name, to: project, role: role, now: now)
    }
  }

  private func allowed(_ bench: Bench, _ name: OperatorName) -> [String] {
    table.map(\.0).filter { command in
      do { try bench.core.authorize(command, by: name) } catch { return false }
      return true
    }.map(\.commandName)
  }

  private func expected(_ isMet: (RequiredRole) -> Bool) -> [String] {
    table.filter { isMet($0.1) }.map(\.0.commandName)
  }

  @Test("the table says for every command which role it takes, and nothing is granted beside it")
  func wholeTable() throws {
    for (command, role) in table { #expect(command.permission.role == role, "\(command.commandName)") }
    for role in ProjectRole.allCases {
      var bench = try bench()
      // Who has the highest role in another project has none here.
      try give(.projectOwner, to: ada, in: other, &bench)
      #expect(allowed(bench, ada) == expected { $0 == .any })
      try give(role, to: ada, in: shop, &bench)
      try bench.restart()
      let met = expected { needed in
        switch needed {
        case .any: true
        case .orgOwner: false
        case .anyOwner: role == .projectOwner
        case .project(let least): role >= least
        }
      }
      #expect(allowed(bench, ada) == met, "\(role)")
    }
  }

  @Test("an org owner sees everything, but changes a project only once a role in it was taken")
  func orgOwner() throws {
    var bench = try bench()
    #expect(allowed(bench, root) == expected { $0 < .project(.clusterManager) })
    let error = #expect(throws: CoordinatorError.self) {
      try bench.core.authorize(.setKMS(project: shop, settings: Bench.settings), by: root)
    }
    #expect(error?.code == .forbidden)
    #expect(
      error?.message
        == "Operator root may not 'kms set' in project shop. It takes the role project owner; root has no role there, "
        + "though org owner. Give it to yourself with: keyfold project member add shop root --role project-owner")
    try give(.projectOwner, to: root, in: shop, &bench)
    #expect(allowed(bench, root).count == table.count)
  }

  @Test("a refusal names the operator, the role there is, the role needed and who can give it")
  func refusalText() throws {
    var bench = try bench()
    try give(.clusterManager, to: ada, in: shop, &bench)
    try give(.projectOwner, to: root, in: shop, &bench)
    var error = #expect(throws: CoordinatorError.self) {
      try bench.core.authorize(.encryptCluster(name: orders), by: ada)
    }
    #expect(
      error?.message
        == "Operator ada may not 'cluster encrypt' in project shop. It takes the role project owner; ada is cluster "
        + "manager there. root (project owner) or root (org owner) can give it with: "
        + "keyfold project member add shop ada --role project-owner")
    error = #expect(throws: CoordinatorError.self) { try bench.core.authorize(.showMail, by: ada) }
    #expect(
      error?.message
        == "Operator ada may not 'mail show'. It takes the role org owner; ada is none. root (org owner) can give it "
        + "with: keyfold operator role ada --role org-owner")
    #expect(throws: CoordinatorError.self) {
      try bench.core.authorize(.listProjects, by: OperatorName(checked: "nobody"))
    }
  }

  @Test("what names nothing that is there is told so, and what is of no project is an org owner's")
  func unresolved() throws {
    var bench = try bench()
    let unknown = #expect(throws: CoordinatorError.self) {
      try bench.core.authorize(.startCluster(name: ClusterName(checked: "nope")), by: ada)
    }
    #expect(unknown?.code == .notFound)
    let spare = Bench.node(9)
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(spare, cluster: nil, publicKey: Bench.publicKey(9), now: now)
    }
    try give(.projectOwner, to: ada, in: shop, &bench)
    for command in [OperatorCommand.approveNode(name: spare), .showNode(name: spare), .retireKey(keyID: "nope")] {
      #expect(throws: CoordinatorError.self) { try bench.core.authorize(command, by: ada) }
      try bench.core.authorize(command, by: root)
    }
  }

  @Test("the last org owner is neither removed nor demoted")
  func lastOrgOwner() throws {
    var bench = try bench()
    let now = bench.now
    #expect(throws: CoordinatorError.self) { try bench.core.removeOperator(root, now: now) }
    #expect(throws: CoordinatorError.self) { try bench.core.setRole(of: root, to: .member, now: now) }
    try bench.order { core, now throws(CoordinatorError) in try core.setRole(of: ada, to: .orgOwner, now: now) }
    try bench.order { core, now throws(CoordinatorError) in try core.setRole(of: root, to: .member, now: now) }
    #expect(throws: CoordinatorError.self) { try bench.core.authorize(.readAudit(after: nil, limit: 1), by: root) }
    #expect(throws: CoordinatorError.self) { try bench.core.removeOperator(ada, now: now) }
  }

  @Test("a role ends with the key, and when it is taken away; who makes a project owns it")
  func ends() throws {
    var bench = try bench()
    #expect(bench.core.members(of: other).map(\.role) == [.projectOwner])
    try give(.clusterManager, to: ada, in: shop, &bench)
    try bench.order { core, now throws(CoordinatorError) in try core.removeMember(ada, from: shop, now: now) }
    #expect(throws: CoordinatorError.self) { try bench.core.removeMember(ada, from: shop, now: bench.now) }
    #expect(throws: CoordinatorError.self) { try bench.core.authorize(.showProject(name: shop), by: ada) }
    try give(.clusterManager, to: ada, in: shop, &bench)
    try bench.order { core, now throws(CoordinatorError) in try core.removeOperator(ada, now: now) }
    #expect(throws: CoordinatorError.self) { try bench.core.authorize(.showProject(name: shop), by: ada) }
    #expect(bench.core.members(of: shop).isEmpty)
    #expect(throws: CoordinatorError.self) { try give(.readOnly, to: ada, in: shop, &bench) }
  }

  @Test("operators of a store from before there were roles can do what they could, and it is kept who")
  func upgrade() throws {
    var bench = try bench()
    let key = RecordKey(kind: .operatorKey, id: "ada")
    bench.disk[key] = .operatorKey(OperatorRecord(name: ada, publicKey: Bench.publicKey(61), addedAt: bench.now))
    try bench.restart()
    #expect(throws: CoordinatorError.self) { try bench.core.authorize(.showMail, by: ada) }
    bench.take(bench.core.adoptRoles(now: bench.now))
    try bench.restart()
    #expect(allowed(bench, ada).count == table.count)
    #expect(bench.auditTrail.first?.action == "operator role" && bench.auditTrail.first?.subject == "ada")
    // Only once: a project that is made later is not theirs.
    try bench.order { core, now throws(CoordinatorError) in
      try core.createProject(ProjectName(checked: "late"), by: root, now: now)
    }
    #expect(bench.core.adoptRoles(now: bench.now).isEmpty)
    #expect(throws: CoordinatorError.self) {
      try bench.core.authorize(.removeKMS(project: ProjectName(checked: "late")), by: ada)
    }
  }

  @Test("lists hold nothing of projects that are none of the operator's")
  func sight() throws {
    var bench = try bench()
    let core = bench.core
    let everything: [OperatorAnswer] = [
      .projects(core.projects.map { core.view(of: $0) }),
      .clusters(core.clusters.map { core.view(of: $0, now: bench.now) }),
      .nodes(core.nodes.map { core.view(of: $0, now: bench.now) }),
      .plans(core.plans.map { core.view(of: $0, now: bench.now) }),
      .keysTree(core.keysTree(of: nil, now: bench.now)), .keysNeeded(core.keysNeeded()),
      .ipList(core.ipListView(now: bench.now)),
      .rotations(core.rotations(of: nil, now: bench.now)),
      .alerts([AlertView(severity: "critical", subject: node.text, text: "", since: nil)]),
    ]
    let secret = [shop.text, orders.text, node.text, Bench.key]
    try give(.readOnly, to: ada, in: other, &bench)
    for answer in everything {
      let text = "\(bench.core.visible(answer, to: ada))"
      #expect(!secret.contains { text.contains($0) }, "\(text)")
      #expect(bench.core.visible(answer, to: root) == answer)
    }
    try give(.readOnly, to: ada, in: shop, &bench)
    for answer in everything where answer != everything[0] {
      #expect(bench.core.visible(answer, to: ada) == answer)
    }
    guard case .operators(let list) = bench.core.visible(.operators(bench.core.operatorViews), to: ada) else { return }
    #expect(list.first { $0.name == root }?.projects?.map(\.project) == [other])
  }
}

extension RequiredRole {
  /// Whether an org owner without a role in the project may do it: what is weaker than a cluster manager.
  fileprivate static func < (left: Self, right: Self) -> Bool {
    switch left {
    case .any, .orgOwner, .anyOwner: true
    case .project(let role): if case .project(let least) = right { role < least } else { false }
    }
  }
}
