// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Operators' orders are checked before anything changes")
struct OperatorInputTests {
  private func code(_ body: () throws -> Void) -> CoordinatorError.Code? {
    do { try body() } catch { return (error as? CoordinatorError)?.code }
    return nil
  }

  @Test("refuses a project twice and addresses that are none")
  func projects() throws {
    var bench = try Bench()
    try bench.order { core, now throws(CoordinatorError) in
      try core.createProject(Bench.project, owners: ["ops@example.org"], now: now)
    }
    #expect(bench.disk.count == 1)
    for owners in [[], ["no address"], ["a@b@c"], ["@x"], ["x@y\nBcc: z@z"], Array(repeating: "a@b", count: 33)] {
      let name = owners.isEmpty ? Bench.project : ProjectName(checked: "other")
      let found = code {
        try bench.order { core, now throws(CoordinatorError) in try core.createProject(name, owners: owners, now: now) }
      }
      #expect(found == (owners.isEmpty ? .alreadyExists : .invalid))
    }
    #expect(bench.disk.count == 1)
  }

  @Test("enrolls the same key twice, and no other key under the same name, nor the same key under another")
  func enrolment() throws {
    var bench = try Bench()
    func enroll(_ number: Int, key: String) -> CoordinatorError.Code? {
      code {
        try bench.order { core, now throws(CoordinatorError) in
          try core.enrollNode(Bench.node(number), cluster: nil, publicKey: key, now: now)
        }
      }
    }
    #expect(enroll(1, key: Bench.publicKey(1)) == nil)
    #expect(bench.last.contains(.allowListChanged))
    #expect(enroll(1, key: Bench.publicKey(1)) == nil)
    #expect(bench.last.isEmpty)
    #expect(enroll(1, key: Bench.publicKey(2)) == .refused)
    #expect(enroll(2, key: Bench.publicKey(1)) == .refused)
    for bad in ["", "short", String(repeating: " ", count: 40), String(repeating: "ä", count: 20)] {
      #expect(enroll(3, key: bad) == .invalid)
    }
    #expect(bench.core.allowList == [Bench.publicKey(1): .node(Bench.node(1))])
  }

  @Test("makes a cluster of enrolled, unused nodes only")
  func clusters() throws {
    var bench = try Bench()
    try bench.enroll(2)
    func create(_ name: String, _ nodes: [NodeName]) -> CoordinatorError.Code? {
      code {
        try bench.order { core, now throws(CoordinatorError) in
          try core.createCluster(ClusterName(checked: name), project: Bench.project, nodes: nodes, now: now)
        }
      }
    }
    #expect(create("orders", [Bench.node(9)]) == .notFound)
    #expect(create("orders", [Bench.node(1), Bench.node(1)]) == .invalid)
    #expect(create("empty", []) == .invalid)
    #expect(create("other", [Bench.node(1)]) == .conflict)
    #expect(create("orders", (1...8).map { Bench.node($0) }) == .invalid)
    bench.change(1) { $0.generation = GenerationReport(id: GenerationID.random(), encrypted: false) }
    #expect(create("orders", []) == .refused, "a node that holds data is not taken")
    bench.core.nodeRecords[Bench.node(1)]?.generation = nil
    bench.change(1) { $0.generation = nil }
    #expect(create("orders", []) == nil)
    #expect(create("orders", []) == .alreadyExists)
    #expect(bench.record?.nodes == [Bench.node(1), Bench.node(2)])
  }

  @Test("says why a cluster can't be encrypted, rotated or made twice at once")
  func plans() throws {
    var bench = try Bench()
    try bench.serve(3)
    func order(_ body: (inout CoordinatorCore, Instant) throws(CoordinatorError) -> Decision<PlanID>)
      -> CoordinatorError.Code?
    {
      code { try bench.order(body) }
    }
    let other = ClusterName(checked: "other")
    #expect(order { core, now throws(CoordinatorError) in try core.encryptCluster(other, now: now) } == .notFound)
    #expect(
      order { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now) } == .refused)
    #expect(order { core, now throws(CoordinatorError) in try core.startCluster(Bench.cluster, now: now) } == .refused)
    #expect(order { core, now throws(CoordinatorError) in try core.encryptCluster(Bench.cluster, now: now) } == nil)
    #expect(
      order { core, now throws(CoordinatorError) in try core.encryptCluster(Bench.cluster, now: now) } == .conflict)
  }

  @Test("needs proven KMS settings to encrypt")
  func encryptNeedsKMS() throws {
    var bench = try Bench()
    try bench.enroll(1, kms: false)
    try bench.order { core, now throws(CoordinatorError) in
      try core.createCluster(Bench.cluster, project: Bench.project, nodes: [], now: now)
    }
    #expect(
      code {
        try bench.order { core, now throws(CoordinatorError) in try core.encryptCluster(Bench.cluster, now: now) }
      } == .refused)
    #expect(bench.record?.encryptionWanted == false)
  }

  @Test("lets credentials of the same key change without a plan, one proof at a time")
  func settings() throws {
    var bench = try Bench()
    try bench.serve(1, encrypted: true)
    var same = Bench.settings
    same.credentials = .awsAccessKey(id: "AKIANEW")
    #expect(try bench.core.settingsVersion(proposing: same, for: Bench.project) == 2)
    try bench.proveKMS()
    #expect(bench.assignments(to: Bench.node(1)).first?.settingsVersion == 2)
    #expect(bench.core.plans.allSatisfy { !$0.kind.isKeyChange })
    #expect(
      code {
        try bench.order { core, now throws(CoordinatorError) in
          try core.onKMSProven(Bench.project, settings: same, settingsVersion: 2, canary: Bench.canary, now: now)
        }
      } == .conflict)
  }
}
