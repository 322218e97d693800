// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("The IP list knows who may connect, and who will want to")
struct AccessListTests {
  private func add(_ range: String, to bench: inout Bench, hours: Int? = nil, anywhere: Bool = false) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.addAccess(range, to: Bench.project, comment: "a test", hours: hours, anywhere: anywhere, now: now)
    }
  }

  private func code(_ body: () throws -> Void) -> CoordinatorError.Code? {
    do { try body() } catch { return (error as? CoordinatorError)?.code }
    return nil
  }

  private func ranges(_ list: IPList?) -> [String]? { list?.access?.first?.entries.map(\.range.description) }

  @Test("sends a new version to every node at each change, and again until it is held")
  func propagates() throws {
    var bench = try Bench()
    try bench.serve(3)
    let version = bench.core.ipList.version
    try add("203.0.113.0/24", to: &bench)
    for number in 1...3 {
      let list = bench.lists(to: Bench.node(number)).last
      #expect(list?.version == version + 1)
      #expect(ranges(list) == ["203.0.113.0/24"])
    }
    bench.change(1) { $0.ipListVersion = version + 1 }
    bench.pass(CoordinatorLimits.versionResend + .seconds(1))
    #expect(bench.lists(to: Bench.node(1)).isEmpty && !bench.lists(to: Bench.node(2)).isEmpty)
    let view = try bench.core.accessListView(of: Bench.project, now: bench.now)
    #expect(view.nodes == 3 && view.nodesUpToDate == 1 && view.isOn)
  }

  @Test("stays on when the last entry goes, and goes off only by an order")
  func staysOn() throws {
    var bench = try Bench()
    try bench.serve(1)
    try add("203.0.113.7", to: &bench)
    try bench.order { core, now throws(CoordinatorError) in
      try core.removeAccess("203.0.113.7/32", from: Bench.project, now: now)
    }
    #expect(ranges(bench.lists(to: Bench.node(1)).last) == [])
    try bench.restart()
    #expect(try bench.core.accessListView(of: Bench.project, now: bench.now).isOn)
    bench.hello(Bench.node(1))
    try bench.order { core, now throws(CoordinatorError) in try core.dropAccessList(of: Bench.project, now: now) }
    #expect(bench.core.ipList.access == nil)
    #expect(
      code {
        try bench.order { core, now throws(CoordinatorError) in try core.dropAccessList(of: Bench.project, now: now) }
      } == .notFound)
  }

  @Test("refuses what is no range, what is there, what is everything, what is too much")
  func refuses() throws {
    var bench = try Bench()
    try bench.serve(1)
    for wrong in ["", "x", "203.0.113.0/33", "203.0.113.1/24"] {
      #expect(code { try add(wrong, to: &bench) } == .invalid)
    }
    for everything in ["0.0.0.0/0", "::/0"] {
      #expect(code { try add(everything, to: &bench) } == .refused)
      #expect(code { try add(everything, to: &bench, anywhere: true) } == nil)
      #expect(code { try add(everything, to: &bench, anywhere: true) } == .alreadyExists)
    }
    for hours in [0, -1, CoordinatorLimits.longestAccessHours + 1, .max] {
      #expect(code { try add("203.0.113.1", to: &bench, hours: hours) } == .invalid)
    }
    for comment in ["line\nbreak", "\u{1B}[31m", "\u{202E}", String(repeating: "x", count: 81)] {
      #expect(
        code {
          try bench.order { core, now throws(CoordinatorError) in
            try core.addAccess("203.0.113.1", to: Bench.project, comment: comment, now: now)
          }
        } == .invalid)
    }
    for number in 2..<IPList.maximumAccessEntries { try add("198.51.100.\(number)", to: &bench) }
    #expect(code { try add("203.0.113.1", to: &bench) } == .refused)
    #expect(
      code {
        try bench.order { core, now throws(CoordinatorError) in
          try core.removeAccess("203.0.113.1", from: Bench.project, now: now)
        }
      } == .notFound)
  }

  private func left(_ bench: Bench) -> Int64? {
    bench.lists(to: Bench.node(1)).last?.access?.first?.entries.first?.expiresInMilliseconds
  }

  @Test("takes an entry off when its time is over: neither a restart nor a clock that is set back prolongs it")
  func expires() throws {
    var bench = try Bench()
    try bench.serve(1)
    try add("203.0.113.7", to: &bench, hours: 1)
    try add("203.0.113.8", to: &bench)
    #expect(left(bench) == 3_600_000)
    bench.pass(.seconds(30 * 60))
    for minutes in [-10, -86_400] {
      bench.now = bench.now + .seconds(60 * minutes)
      bench.pass(.seconds(60))
      try bench.restart()
      bench.hello(Bench.node(1))
    }
    // 32 minutes are over, as far as they were kept. A node that comes back is told what is left.
    #expect((28 * 60_000...29 * 60_000 + 30_000).contains(try #require(left(bench))))
    bench.pass(.seconds(27 * 60))
    #expect(ranges(bench.core.ipList) == ["203.0.113.7/32", "203.0.113.8/32"])
    let version = bench.core.ipList.version
    bench.pass(.seconds(60) + CoordinatorLimits.ageStep * 3)
    #expect(ranges(bench.core.ipList) == ["203.0.113.8/32"] && bench.core.ipList.version == version + 1)
    #expect(bench.auditTrail.contains { $0.action == "access expired" && $0.subject == "shop: 203.0.113.7/32" })
    bench.pass(.seconds(3_600))
    #expect(ranges(bench.core.ipList) == ["203.0.113.8/32"])
  }

  @Test("an entry that was to end while no coordinator ran is gone when one comes back, before any node is told")
  func standstill() throws {
    var bench = try Bench()
    try bench.serve(1)
    try add("203.0.113.7", to: &bench, hours: 2)
    let end = bench.now + .seconds(7_200)
    bench.pass(.seconds(60))
    for early in [600, 0] {
      bench.now = end - .seconds(early)
      try bench.restart()
      bench.reports[Bench.node(1)]?.ipListVersion = 0
      bench.hello(Bench.node(1))
      #expect(left(bench) == Int64(early) * 1_000, "what a node is told first lets nobody in for longer")
    }
    let shown = try bench.core.accessListView(of: Bench.project, now: bench.now).entries.first?.expiresAt
    #expect(shown?.milliseconds == end.milliseconds)
    bench.take(bench.core.onTick(now: bench.now))
    #expect(ranges(bench.core.ipList) == [] && bench.auditTrail.contains { $0.action == "access expired" })
  }

  @Test("an entry that is added late in a step of the count has all of its time")
  func wholeTime() throws {
    var bench = try Bench()
    try bench.serve(1)
    try add("203.0.113.7", to: &bench, hours: 2)
    bench.pass(CoordinatorLimits.ageStep - .seconds(2))
    try add("203.0.113.8", to: &bench, hours: 1)
    let left = bench.lists(to: Bench.node(1)).last?.access?.first?.entries.map { $0.expiresInMilliseconds ?? 0 }
    #expect(left?.count == 2 && left?.last == 3_600_000)
    #expect((7_200_000 - 30_000...7_200_000 - 27_000).contains(left?.first ?? 0))
  }

  @Test("lists a node that is enrolled for a cluster as future, and where its calls come from")
  func future() throws {
    var bench = try Bench()
    try bench.serve(2)
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(Bench.node(3), cluster: Bench.cluster, publicKey: Bench.publicKey(3), now: now)
    }
    var report = NodeReport(node: Bench.node(3), boot: .random(), agentVersion: "t", phase: .awaitingSettings)
    report.replicationAddress = "node-3.example.org:7450"
    bench.reports[Bench.node(3)] = report
    bench.take(bench.core.onHello(Bench.node(3), report: report, from: "203.0.113.33", now: bench.now))
    bench.pass(.seconds(2))
    let view = try #require(bench.core.ipListView(now: bench.now).clusters?.first)
    #expect(view.project == Bench.project && view.inbound == ["10.0.0.1", "10.0.0.2"])
    #expect(view.futureInbound == ["node-3.example.org"] && view.futureOutbound == ["203.0.113.33"])
    // What was seen of its link is known to the next life too, and what its configuration says goes before it.
    try bench.restart()
    bench.pass(.seconds(2))
    #expect(bench.core.ipListView(now: bench.now).clusters?.first?.futureOutbound == ["203.0.113.33"])
    report.outboundAddresses = ["198.51.100.0/28"]
    bench.reports[Bench.node(3)] = report
    bench.take(bench.core.onHello(Bench.node(3), report: report, from: "203.0.113.33", now: bench.now))
    bench.pass(.seconds(2))
    #expect(bench.core.ipListView(now: bench.now).clusters?.first?.futureOutbound == ["198.51.100.0/28"])
  }

  @Test("a node gets its own project's access list only")
  func ownOnly() throws {
    var bench = try Bench()
    try bench.serve(1)
    let other = ProjectName(checked: "bank")
    try bench.order { core, now throws(CoordinatorError) in try core.createProject(other, owners: [], now: now) }
    try bench.order { core, now throws(CoordinatorError) in try core.addAccess("203.0.113.7", to: other, now: now) }
    #expect(bench.core.ipList.access?.count == 1)
    #expect(bench.lists(to: Bench.node(1)).last.map { $0.access == nil } == true)
  }

  @Test("a store from an older copy gives out a version above what nodes hold")
  func outruns() throws {
    var bench = try Bench()
    try bench.serve(2)
    let version = bench.core.ipList.version
    bench.change(1) { $0.ipListVersion = version + 5 }
    #expect(bench.core.ipList.version == version + 6)
    bench.change(1) { $0.ipListVersion = .max }
    #expect(bench.core.ipList.version == version + 6)
  }
}
