// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Rotations of master keys that start by themselves")
struct RotationScheduleTests {
  private static let day = Duration.seconds(86_400)
  private static let admin = OperatorName(checked: "alice")

  private func bench(_ nodes: Int = 3, ageDays: Int = 0) throws -> Bench {
    var bench = try Bench()
    try bench.serve(nodes, encrypted: true)
    bench.verdict(.valid)
    bench.age(byDays: ageDays)
    return bench
  }

  @Test("starts a day before the limit, with a reason and an entry in the audit record, and not before")
  func starts() throws {
    var bench = try bench(ageDays: 88)
    bench.pass(.seconds(30))
    #expect(bench.rotations.isEmpty)
    bench.age(byDays: 1)
    bench.pass(.seconds(30))
    let plan = try #require(bench.rotations.first)
    #expect(bench.rotations.count == 1)
    #expect(plan.reason == "the master key of node-1 is 89 d old")
    #expect(plan.steps.map(\.node) == [Bench.node(2), Bench.node(3), Bench.node(1)], "secondaries first")
    #expect(plan.steps.filter { $0.state == .running }.count == 1, "one node at a time")
    #expect(bench.auditTrail.contains { $0.action == "keys rotate" && $0.by == .coordinator })
  }

  @Test("does it once, and again when the new keys have grown old")
  func repeats() throws {
    var bench = try bench(ageDays: 89)
    try bench.rotateAll()
    bench.pass(.seconds(60))
    #expect(bench.rotations.count == 1)
    bench.age(byDays: 89)
    bench.pass(.seconds(30))
    #expect(bench.rotations.count == 2)
  }

  @Test("keeps to the window: starts in the last one before the limit, and begins no step outside of one")
  func window() throws {
    // The keys were made on Monday, 2026-09-21, at 14:13; the limit is on 2026-12-20, a Sunday.
    var bench = try bench(ageDays: 83)
    try bench.order { core, now throws(CoordinatorError) in
      try core.setMaintenance(
        Bench.project, MaintenanceChange(window: MaintenanceWindow(day: .saturday, hour: 3, timeZone: "Europe/Berlin")),
        now: now)
    }
    let view = try #require(bench.core.rotations(of: nil, now: bench.now).first)
    #expect("\(view.startsAt)" == "2026-12-19T02:00:00.000Z")
    #expect(!view.isLate)
    bench.jump(to: "2026-12-19T01:59:00.000Z")
    bench.pass(.seconds(30))
    #expect(bench.rotations.isEmpty)
    bench.jump(to: "2026-12-19T02:59:20.000Z")
    bench.pass(.seconds(15))
    let plan = try #require(bench.rotations.first)
    #expect(plan.steps.filter { $0.state == .running }.count == 1)
    // The step that was begun ends; the next waits for the next window.
    bench.jump(to: "2026-12-19T03:00:00.000Z")
    bench.rotate(2)
    bench.pass(.seconds(20))
    let waiting = try bench.plan(plan.id)
    #expect(waiting.steps.map(\.state) == [.done, .pending, .pending])
    #expect(bench.core.waitingReason(of: plan.id) == "waiting for the maintenance window, saturday 03:00 Europe/Berlin")
    bench.jump(to: "2026-12-26T02:00:00.000Z")
    bench.pass(.seconds(5))
    #expect(try bench.plan(plan.id).steps.map(\.state) == [.done, .running, .pending])
  }

  @Test("an operator's order releases what waits for its window")
  func releases() throws {
    var bench = try bench(ageDays: 89)
    bench.pass(.seconds(30))
    let plan = try #require(bench.rotations.first)
    try bench.order { core, now throws(CoordinatorError) in
      try core.setMaintenance(
        Bench.project, MaintenanceChange(window: MaintenanceWindow(day: .friday, hour: 3, timeZone: "UTC")), now: now)
    }
    bench.rotate(2)
    bench.pass(.seconds(10))
    #expect(try bench.plan(plan.id).steps.map(\.state) == [.done, .pending, .pending])
    let same = try bench.order { core, now throws(CoordinatorError) in
      try core.rotateMasterKeys(Bench.cluster, now: now)
    }
    #expect(same == plan.id)
    #expect(try bench.plan(plan.id).steps.map(\.state) == [.done, .running, .pending])
  }

  @Test("is put off by a week, twice at most, past the limit if need be; then it starts by itself")
  func deferrals() throws {
    var bench = try bench(ageDays: 80)
    let first = try #require(try bench.deferred())
    #expect((Self.day * 15...Self.day * 16).contains(first - bench.now), "nine days ahead, and a week")
    _ = try bench.deferred()
    #expect(throws: CoordinatorError.self) { try bench.deferred() }
    let view = try #require(bench.core.rotations(of: Bench.cluster, now: bench.now).first)
    #expect(view.isLate && view.deferrals == 2)
    bench.age(byDays: 11)
    bench.pass(.seconds(30))
    #expect(bench.rotations.isEmpty)
    #expect(bench.openAlerts.contains(.masterKeyOld), "91 days old")
    bench.age(byDays: 12)
    bench.pass(.seconds(30))
    #expect(bench.rotations.count == 1)
    try bench.rotateAll()
    bench.pass(.seconds(30))
    #expect(!bench.openAlerts.contains(.masterKeyOld), "closes by itself")
    bench.age(byDays: 80)
    _ = try bench.deferred()
    #expect(bench.auditTrail.contains { $0.action == "keys defer" && $0.by == .operatorKey(Self.admin) })
  }

  @Test("can't be put off long before it is due, nor while it runs")
  func refusesDeferral() throws {
    var bench = try bench(ageDays: 50)
    #expect(throws: CoordinatorError.self) { try bench.deferred() }
    bench.age(byDays: 39)
    bench.pass(.seconds(30))
    #expect(throws: CoordinatorError.self) { try bench.deferred() }
  }

  @Test("is put off by a week once by itself if the project wants it, and by an operator once more")
  func automaticDeferral() throws {
    var bench = try bench(ageDays: 89)
    try bench.order { core, now throws(CoordinatorError) in
      try core.setMaintenance(Bench.project, MaintenanceChange(automaticDeferral: true), now: now)
    }
    bench.pass(.seconds(30))
    #expect(bench.rotations.isEmpty)
    #expect(bench.record?.rotation?.deferrals == 1)
    #expect(bench.auditTrail.contains { $0.action == "keys defer" && $0.by == .coordinator })
    _ = try bench.deferred()
    #expect(throws: CoordinatorError.self) { try bench.deferred() }
    bench.age(byDays: 15)
    bench.pass(.seconds(30))
    #expect(bench.rotations.count == 1)
  }

  @Test("a deferral survives a restart of the coordinator")
  func restart() throws {
    var bench = try bench(ageDays: 88)
    _ = try bench.deferred()
    try bench.restart()
    for number in 1...3 { bench.hello(Bench.node(number)) }
    bench.age(byDays: 3)
    bench.pass(.seconds(30))
    #expect(bench.record?.rotation?.deferrals == 1)
    #expect(bench.rotations.isEmpty)
  }

  @Test("the alert opens on the age of the key in use although a rotation ended well")
  func alertOnAge() throws {
    var bench = try bench(ageDays: 10)
    let plan = try bench.order { core, now throws(CoordinatorError) in
      try core.rotateMasterKeys(Bench.cluster, now: now)
    }
    for number in [2, 3, 1] {
      bench.rotate(number)
      bench.pass(.seconds(5))
    }
    #expect(try bench.plan(plan).outcome == .succeeded)
    // One node holds an old key all the same: a restored copy, say.
    let old = bench.now - Self.day * 95
    bench.change(3) { $0.generation?.masterKeyCreatedAtMilliseconds = old.milliseconds }
    bench.pass(.seconds(15))
    let alert = bench.core.alerts.first { $0.kind == .masterKeyOld && $0.closedAt == nil }
    #expect(alert?.text.contains("node-3 is 95 d old; the limit is 90 d") == true)
  }

  @Test("waits for nodes that are away, and for other plans, and says so")
  func waits() throws {
    var bench = try bench(ageDays: 88)
    bench.pass(.seconds(15), silent: [Bench.node(3)])
    bench.now = bench.now + Self.day
    bench.pass(.seconds(30), silent: [Bench.node(3)])
    #expect(bench.rotations.isEmpty)
    let view = try #require(bench.core.rotations(of: nil, now: bench.now).first)
    #expect(view.waitsFor?.contains("waiting for node-3") == true)
    bench.pass(.seconds(15))
    #expect(bench.rotations.count == 1)
  }
}

@Suite("Rotations and clocks that jump")
struct RotationClockTests {
  private func bench() throws -> Bench {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.verdict(.valid)
    bench.keepsClock = true
    bench.pass(.seconds(15))
    return bench
  }

  @Test("the coordinator's clock jumps by a year: no key is old by it, and no rotation starts")
  func coordinatorAhead() throws {
    var bench = try bench()
    bench.nodeClockOffset -= 365 * 86_400_000
    bench.now = bench.now + .seconds(365 * 86_400)
    bench.pass(.seconds(60))
    #expect(bench.rotations.isEmpty)
    #expect(!bench.openAlerts.contains(.masterKeyOld))
    // By the nodes' clocks time goes on, and so do rotations.
    bench.age(byDays: 90)
    bench.pass(.seconds(60))
    #expect(bench.rotations.count == 1)
  }

  @Test("the coordinator's clock was ahead and is set back: nothing it remembers holds a rotation up")
  func coordinatorBack() throws {
    var bench = try bench()
    bench.age(byDays: 80)
    bench.nodeClockOffset -= 365 * 86_400_000
    bench.now = bench.now + .seconds(365 * 86_400)
    bench.pass(.seconds(15))
    _ = try bench.deferred()
    bench.nodeClockOffset += 365 * 86_400_000
    bench.now = bench.now - .seconds(365 * 86_400)
    bench.age(byDays: 10)
    bench.pass(.seconds(60))
    #expect(bench.rotations.count == 1)
  }

  @Test("a node's clock jumps by a year: its cluster is rotated once, and no more when the clock is right again")
  func node() throws {
    var bench = try bench()
    bench.nodeClockOffset = 365 * 86_400_000
    bench.pass(.seconds(30))
    #expect(bench.rotations.count == 1)
    try bench.rotateAll()
    bench.pass(.seconds(30))
    bench.nodeClockOffset = 0
    bench.pass(.seconds(3600))
    #expect(bench.rotations.count == 1, "a key of the future is as old as the coordinator knows it")
    bench.age(byDays: 90)
    bench.pass(.seconds(30))
    #expect(bench.rotations.count == 2)
  }

  @Test("clocks that no key can be old by start one rotation a day and cluster at most")
  func noStorm() throws {
    var bench = try bench()
    for _ in 0..<3 {
      bench.nodeClockOffset += 365 * 86_400_000
      bench.pass(.seconds(60))
      for plan in bench.rotations where plan.isOpen { try bench.rotateAll(plan.id) }
      bench.pass(.seconds(60))
    }
    #expect(bench.rotations.count == 1)
  }
}

extension Bench {
  var rotations: [PlanRecord] { core.plans.filter { $0.kind == .rotateMasterKeys } }

  /// Lets days pass at once.
  mutating func age(byDays days: Int) {
    now = now + .seconds(days * 86_400)
    for node in reports.keys.sorted() { heartbeat(node) }
  }

  mutating func jump(to text: String) {
    guard let time = OperatorTime(text: text) else { return }
    now = Instant(milliseconds: time.milliseconds)
    for node in reports.keys.sorted() { heartbeat(node) }
  }

  mutating func deferred() throws -> Instant? {
    try order { core, now throws(CoordinatorError) in
      try core.deferRotation(Bench.cluster, by: OperatorName(checked: "alice"), now: now)
    }.rotation?.deferredUntil
  }

  /// Lets every node do what the open rotation asks of it.
  mutating func rotateAll(_ id: PlanID? = nil) throws {
    pass(.seconds(15))
    for _ in 0..<reports.count {
      guard let plan = rotations.first(where: \.isOpen),
        let node = plan.steps.first(where: { $0.state == .running })?.node,
        let number = Int(node.text.dropFirst(5))
      else { break }
      rotate(number)
      pass(.seconds(3))
    }
    #expect(rotations.filter(\.isOpen).isEmpty)
  }
}
