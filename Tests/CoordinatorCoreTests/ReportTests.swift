// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Reports are remembered, distrusted or dropped")
struct ReportTests {
  @Test("writes nothing for a heartbeat that says nothing new")
  func quietHeartbeats() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.pass(.seconds(30))
    let writes = bench.last.count { if case .persist = $0 { true } else { false } }
    #expect(writes == 0)
  }

  @Test("drops what a former life of a process still says, and what nobody enrolled")
  func formerLives() throws {
    var bench = try Bench()
    try bench.serve(3)
    let former = try #require(bench.reports[Bench.node(2)])
    bench.reports[Bench.node(2)]?.boot = BootID.random()
    bench.hello(Bench.node(2))
    bench.take(bench.core.onHeartbeat(Bench.node(2), report: former, now: bench.now))
    #expect(bench.core.report(of: Bench.node(2))?.boot != former.boot)
    bench.take(bench.core.onHello(Bench.node(2), report: former, now: bench.now))
    #expect(bench.core.report(of: Bench.node(2))?.boot != former.boot)
    let stranger = NodeReport(node: Bench.node(77), boot: BootID.random(), agentVersion: "", phase: .empty)
    #expect(bench.core.onHello(Bench.node(77), report: stranger, now: bench.now).isEmpty)
    #expect(bench.core.onHello(Bench.node(1), report: stranger, now: bench.now).isEmpty)
  }

  @Test("raises the assignment's version with its content and sends it again to whoever reports an older one")
  func assignments() throws {
    var bench = try Bench()
    try bench.serve(3)
    let version = try #require(bench.record?.assignment?.version)
    bench.change(2) { $0.replicationAddress = "10.0.0.2:9999" }
    for number in 1...3 { #expect(bench.assignments(to: Bench.node(number)).map(\.version) == [version + 1]) }
    bench.pass(.seconds(4))
    #expect(bench.assignments(to: Bench.node(1)).isEmpty)
    bench.pass(.seconds(2))
    #expect(bench.assignments(to: Bench.node(1)).count == 1)
    bench.followAssignment()
    bench.pass(.seconds(20))
    #expect(bench.assignments(to: Bench.node(1)).isEmpty)
  }

  @Test("collects addresses into a versioned list and sends it until it is held")
  func ipList() throws {
    var bench = try Bench()
    try bench.serve(2)
    #expect(bench.core.ipList.nodes.map(\.address) == ["10.0.0.1", "10.0.0.2"])
    #expect(bench.core.ipList.controlPlane == ["10.0.0.100"])
    let version = bench.core.ipList.version
    bench.change(1) { $0.replicationAddress = "[2001:db8::1]:7450" }
    #expect(bench.lists(to: Bench.node(1)).first?.version == version + 1)
    #expect(bench.core.ipList.nodes.map(\.address) == ["10.0.0.1", "2001:db8::1", "10.0.0.2"])
    for number in 1...2 { bench.change(number) { $0.ipListVersion = version + 1 } }
    bench.pass(.seconds(12))
    #expect(bench.lists(to: Bench.node(1)).isEmpty)
    #expect(bench.core.ipListView(now: bench.now).heldBy.map(\.version) == [version + 1, version + 1])
  }

  @Test("keeps where drivers reach a node that does not say it, in the list and to members, also after a restart")
  func driversUnsaid() throws {
    var bench = try Bench()
    try bench.serve(2)
    bench.change(1) { $0.driverAddress = "198.51.100.1:27117" }
    bench.pass(.seconds(3))
    bench.followAssignment()
    let list = bench.core.ipList
    #expect(list.nodes.map(\.address) == ["10.0.0.1", "198.51.100.1", "10.0.0.2"])
    let view = { (bench: Bench) throws in try bench.core.view(of: #require(bench.record), now: bench.now) }
    #expect(try view(bench).connectionString?.contains("198.51.100.1:27117") == true)
    for isRestarted in [false, true] {
      if isRestarted { try bench.restart() }
      bench.reports[Bench.node(1)]?.boot = .random()
      bench.reports[Bench.node(1)]?.driverAddress = ""
      bench.hello(Bench.node(1))
      bench.pass(.seconds(3))
      #expect(bench.core.ipList == list, "who exports it locks the node out of its KMS")
      let members = bench.record?.assignment?.members
      #expect(members?.first { $0.node == Bench.node(1) }?.driverAddress == "198.51.100.1:27117")
    }
  }

  @Test("does not tell drivers to connect where nothing is bound yet")
  func unbound() throws {
    var bench = try Bench()
    try bench.serve(2)
    let waiting = DriverPortReport(tls: .disabled, authentication: .off, waiting: "no user")
    bench.change(1) { $0.driverPort = waiting }
    let one = try bench.core.view(of: #require(bench.record), now: bench.now)
    #expect(one.connectionString == "mongodb://10.0.0.2:27117/?replicaSet=orders")
    #expect(one.nodes.map(\.driverAddress) == ["10.0.0.1:27117", "10.0.0.2:27117"])
    bench.change(2) { $0.driverPort = waiting }
    #expect(try bench.core.view(of: #require(bench.record), now: bench.now).connectionString == nil)
  }

  @Test("distrusts an older keystore, an unknown master key and a generation that was given up")
  func keystoreGuard() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    let good = try #require(bench.reports[Bench.node(1)]?.generation)
    var older = good
    older.keystoreVersion = 0
    var unknown = good
    (unknown.masterKeyID, unknown.masterKeyCheckValue, unknown.keystoreVersion) = (MasterKeyID.random(), "bad", 2)
    var otherValue = good
    (otherValue.masterKeyCheckValue, otherValue.keystoreVersion) = ("bad", 2)
    for suspect in [older, unknown, otherValue] {
      bench.reports[Bench.node(1)]?.generation = suspect
      bench.reports[Bench.node(1)]?.boot = BootID.random()
      bench.hello(Bench.node(1))
      #expect(bench.core.nodeRecords[Bench.node(1)]?.distrust != nil)
      #expect(bench.openAlerts.contains(.keystoreDistrusted))
      #expect(bench.core.nodeRecords[Bench.node(1)]?.generation == good, "what is recorded stays")
      bench.reports[Bench.node(1)]?.generation = good
      bench.reports[Bench.node(1)]?.boot = BootID.random()
      bench.hello(Bench.node(1))
      #expect(bench.core.nodeRecords[Bench.node(1)]?.distrust == nil)
      #expect(!bench.openAlerts.contains(.keystoreDistrusted))
    }
    bench.encrypt(1)
    bench.reports[Bench.node(1)]?.generation = good
    bench.reports[Bench.node(1)]?.boot = BootID.random()
    bench.hello(Bench.node(1))
    #expect(bench.core.nodeRecords[Bench.node(1)]?.distrust?.contains("given up") == true)
  }

  @Test("draws the tree of keys and tells plain nodes apart")
  func keysTree() throws {
    var bench = try Bench()
    try bench.serve(2)
    bench.encrypt(2)
    let keys = [KeyReport(id: KeyID.random(for: .system), createdAtMilliseconds: 1)]
    bench.take(bench.core.onKeysReport(Bench.node(2), keys: keys, now: bench.now))
    bench.take(bench.core.onKeysReport(Bench.node(2), keys: keys, now: bench.now))
    #expect(bench.last.isEmpty, "the same keys again write nothing")
    let tree = bench.core.keysTree(of: nil, now: bench.now)
    #expect(tree.customerKeys.map(\.keyID) == [Bench.key])
    #expect(tree.customerKeys.first?.masterKeys.map(\.node) == [Bench.node(2)])
    #expect(tree.customerKeys.first?.masterKeys.first?.keys.map(\.scope) == ["system"])
    #expect(tree.plainNodes.map(\.node) == [Bench.node(1)])
  }

  @Test("alerts when a node of a cluster falls silent, and closes the alert when it speaks again")
  func silence() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.pass(.seconds(62), silent: [Bench.node(3)])
    #expect(bench.openAlerts == [.nodeSilent])
    bench.heartbeat(Bench.node(3))
    #expect(bench.openAlerts.isEmpty)
    bench.take(bench.core.onDisconnected(Bench.node(3), now: bench.now))
    #expect(!bench.core.isHeard(Bench.node(3), now: bench.now))
  }

  @Test("starts a node again that stopped although its cluster is meant to run")
  func reconcile() throws {
    var bench = try Bench()
    try bench.serve(3)
    bench.pass(.seconds(10))
    bench.change(3) { ($0.phase, $0.replication) = (.stopped, nil) }
    #expect(bench.commands(to: Bench.node(3)).map(\.action) == [.startDatabase])
  }
}
