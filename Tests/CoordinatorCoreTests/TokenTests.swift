// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

private let root = OperatorName(checked: "root")
private let node = NodeName(checked: "late")
private let token = Bench.publicKey(70)
private let key = Bench.publicKey(71)

@Suite("A token lets one node enrol itself, once")
struct TokenTests {
  private func bench(minutes: Int = 60) throws -> Bench {
    var bench = try Bench()
    try create(token, minutes: minutes, in: &bench)
    return bench
  }

  private func create(
    _ publicKey: String, for name: NodeName = node, minutes: Int = 60, in bench: inout Bench
  ) throws {
    try bench.order { core, now throws(CoordinatorError) in
      try core.createToken(
        for: name, cluster: Bench.cluster, publicKey: publicKey, minutes: minutes, by: root, now: now)
    }
  }

  /// Asks with a token; answers why it was refused.
  @discardableResult
  private func ask(
    _ bench: inout Bench, with token: String = token, for name: NodeName = node, key: String = key
  ) -> String? {
    let outcome = bench.core.onEnrolment(token: token, request: (name, key), from: "10.0.0.9", now: bench.now)
    bench.take(outcome.directives)
    return outcome.refusal
  }

  private func audited(_ bench: Bench, _ action: String) -> [AuditEntry] {
    bench.auditTrail.filter { $0.action == action }
  }

  @Test("and is spent in the transaction that enrols it")
  func use() throws {
    var bench = try bench()
    #expect(bench.core.allowList == [token: .applicant(token)] && bench.last.contains(.allowListChanged))
    #expect(ask(&bench) == nil)
    guard case .persist(let changes) = bench.last.first else { return #expect(Bool(false), "nothing was persisted") }
    let kinds = changes.map { change in
      switch change {
      case .put(let record): record.key.kind.rawValue
      case .remove(let key): "removed \(key.kind.rawValue)"
      case .append(let entry): entry.action
      }
    }
    #expect(kinds == ["node", "token", "node enrolled"])
    #expect(bench.last.count { if case .persist = $0 { true } else { false } } == 1)
    #expect(bench.core.nodeRecords[node]?.publicKey == key && bench.core.allowList[key] == .node(node))
    #expect(bench.core.nodeRecords[node]?.intendedCluster == Bench.cluster)
    let entry = try #require(audited(bench, "node enrolled").first)
    #expect(entry.by == .node(node) && entry.detail.contains("root") && entry.detail.contains("10.0.0.9"))
  }

  @Test("asked again with the same key, also after a crash, it says the same; with another key it is refused")
  func again() throws {
    var bench = try bench()
    ask(&bench)
    try bench.restart()
    #expect(ask(&bench) == nil && bench.last.isEmpty)
    #expect(bench.core.allowList[token] == .applicant(token))
    let refusal = try #require(ask(&bench, key: Bench.publicKey(72)))
    #expect(refusal.contains("used already"), "\(refusal)")
    #expect(bench.core.nodeRecords[node]?.publicKey == key)
    #expect(audited(bench, "node token refused").first?.detail.contains("used already") == true)
    try bench.order { core, now throws(CoordinatorError) in try core.revokeNode(node, now: now) }
    #expect(ask(&bench) != nil, "a node whose key was revoked is let in by no token")
  }

  @Test("not after its time, whatever the clock says later")
  func expiry() throws {
    var bench = try bench(minutes: 2)
    let made = bench.now
    bench.now = bench.now + .seconds(119)
    bench.take(bench.core.onTick(now: bench.now))
    #expect(bench.core.tokenViews.map(\.state) == [.open])
    bench.now = bench.now + .seconds(1)
    #expect(ask(&bench)?.contains("expired") == true)
    bench.now = made
    #expect(ask(&bench)?.contains("expired") == true, "a clock that was set back brings it back")
    #expect(bench.core.nodes.isEmpty && audited(bench, "node token expired").count == 1)
    bench.now = made + CoordinatorLimits.tokenMemory + .seconds(600)
    bench.take(bench.core.onTick(now: bench.now))
    #expect(
      bench.core.tokenViews.isEmpty && bench.core.allowList.isEmpty && bench.disk.keys.allSatisfy { $0.kind != .token })
  }

  @Test("not for another node, and not for a key that is a token's, an operator's or another node's")
  func others() throws {
    var bench = try bench()
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(NodeName(checked: "other"), cluster: nil, publicKey: Bench.publicKey(73), now: now)
    }
    #expect(ask(&bench, for: NodeName(checked: "other"))?.contains("another node") == true)
    #expect(ask(&bench, key: token) != nil && ask(&bench, key: Bench.publicKey(73)) != nil)
    #expect(ask(&bench, key: "short") != nil)
    #expect(bench.core.nodes.map(\.name.text) == ["other"])
    #expect(ask(&bench) == nil, "refusals below the limit leave it good")
  }

  @Test("is heard no more after too many refusals")
  func blocked() throws {
    var bench = try bench()
    for _ in 1...CoordinatorLimits.tokenRefusals { #expect(ask(&bench, for: NodeName(checked: "x")) != nil) }
    #expect(bench.core.allowList.isEmpty && bench.core.revokedKeys == [token])
    #expect(audited(bench, "node token refused").count == CoordinatorLimits.tokenRefusals)
    #expect(ask(&bench) != nil && bench.last.isEmpty && bench.core.nodes.isEmpty)
    // Whatever is not an enrolment counts as well.
    try create(Bench.publicKey(74), in: &bench)
    let outcome = bench.core.onEnrolment(token: Bench.publicKey(74), request: nil, from: nil, now: bench.now)
    #expect(outcome.refusal?.contains("nothing but") == true)
    #expect(bench.core.tokenViews.first?.refusals == 1)
  }

  @Test("is withdrawn by an operator, or by another token for the same node")
  func withdrawn() throws {
    var bench = try bench()
    try create(Bench.publicKey(75), in: &bench)
    #expect(ask(&bench) != nil && bench.core.revokedKeys == [token])
    try bench.order { core, now throws(CoordinatorError) in try core.withdrawToken(of: node, now: now) }
    #expect(ask(&bench, with: Bench.publicKey(75)) != nil && bench.core.allowList.isEmpty)
    #expect(audited(bench, "node token withdrawn").count == 2)
    #expect(throws: CoordinatorError.self) { try bench.core.withdrawToken(of: node, now: bench.now) }
  }

  @Test("is not good any more in a store that was put back: it may have been used since")
  func restored() throws {
    var bench = try bench()
    bench.now = bench.now + .seconds(1)
    let record = StateRecord.restoration(.putBack(lastEpoch: 1, at: bench.now))
    bench.disk[record.key] = record
    try bench.restart()
    #expect(ask(&bench)?.contains("older copy") == true)
    #expect(bench.core.nodes.isEmpty && bench.core.tokenViews.map(\.state) == [.restored])
  }

  @Test("is not good any more once a node was told of an audit record that this store does not have")
  func contradicted() throws {
    var bench = try Bench()
    try bench.serve(1)
    try create(token, in: &bench)
    func tell(_ contradiction: String?) {
      let head = AuditHead(sequence: 900, hash: .none)
      bench.take(
        bench.core.onAuditWitness(Bench.node(1), head: head, contradiction: contradiction, now: bench.now))
    }
    tell(nil)
    bench.pass(.seconds(2))
    #expect(bench.core.tokenViews.map(\.state) == [.open])
    tell("the store ends before it")
    // Not at the next tick only: the next message may be the one that uses it.
    #expect(ask(&bench)?.contains("older copy") == true)
    #expect(bench.core.nodeRecords[node] == nil && bench.core.tokenViews.map(\.state) == [.restored])
    // What is made after that, by somebody who knows, is good, also if nobody has answered for the record yet.
    bench.pass(.seconds(1))
    try create(Bench.publicKey(77), in: &bench)
    bench.pass(.seconds(5))
    #expect(ask(&bench, with: Bench.publicKey(77)) == nil)
  }

  @Test("is not ended by what one node says of epochs or of the audit record, but by most of a cluster of its project")
  func oneNode() throws {
    for isEpoch in [false, true] {
      var bench = try Bench()
      try bench.serve(3)
      let other = ProjectName(checked: "other")
      try bench.order { core, now throws(CoordinatorError) in try core.createProject(other, now: now) }
      try create(token, in: &bench)
      try bench.order { core, now throws(CoordinatorError) in
        try core.createToken(
          for: NodeName(checked: "theirs"), cluster: nil, project: other, publicKey: Bench.publicKey(78), minutes: 60,
          by: root, now: now)
      }
      try bench.order { core, now throws(CoordinatorError) in
        try core.enrollNode(NodeName(checked: "spare"), cluster: nil, publicKey: Bench.publicKey(79), now: now)
      }
      func say(_ number: Int) {
        let node = Bench.node(number)
        guard isEpoch, let report = bench.reports[node] else {
          let head = AuditHead(sequence: 900, hash: .none)
          bench.take(
            bench.core.onAuditWitness(node, head: head, contradiction: "the store ends before it", now: bench.now))
          return
        }
        let seen = Epoch(number: 9, incarnation: 9)
        bench.take(bench.core.onEpochAhead(seen, own: Epoch(number: 1, incarnation: 1), now: bench.now))
        bench.take(bench.core.onHello(node, report: report, isAheadOfStore: true, now: bench.now))
      }
      func states() -> [EnrolmentTokenView.State?] {
        [token, Bench.publicKey(78)].map { bench.core.tokenRecords[$0]?.state }
      }
      // As often as it likes.
      for _ in 1...3 {
        say(1)
        bench.pass(.seconds(2))
        #expect(states() == [.open, .open])
      }
      #expect(bench.openAlerts.contains(isEpoch ? .storeRestored : .auditContradicted))
      say(2)
      bench.pass(.seconds(2))
      #expect(states() == [.restored, .open], "two of four are most of its cluster, and not most of all")
      say(3)
      bench.pass(.seconds(2))
      #expect(states() == [.restored, .restored])
    }
  }

  @Test("repeats its answer a few times only, and is then heard no more")
  func repeats() throws {
    var bench = try bench()
    for _ in 0...CoordinatorLimits.tokenRepeats { #expect(ask(&bench) == nil) }
    for _ in 1...CoordinatorLimits.tokenRefusals { #expect(ask(&bench)?.contains("is enrolled") == true) }
    #expect(bench.core.revokedKeys == [token] && bench.core.allowList[key] == .node(node))
    let entries = bench.auditTrail.count
    #expect(ask(&bench) != nil && bench.last.isEmpty && bench.auditTrail.count == entries)
  }

  @Test("changes nothing of a node that was enrolled by hand meanwhile, with the same key")
  func byHand() throws {
    var bench = try bench()
    let elsewhere = ClusterName(checked: "elsewhere")
    try bench.order { core, now throws(CoordinatorError) in
      try core.enrollNode(node, cluster: elsewhere, publicKey: key, now: now)
    }
    #expect(ask(&bench) == nil)
    #expect(bench.core.nodeRecords[node]?.intendedCluster == elsewhere)
    #expect(bench.core.tokenViews.map(\.state) == [.used])
  }

  @Test("is made for no node that is enrolled, no key that is taken, and no time out of bounds")
  func refusals() throws {
    var bench = try bench()
    ask(&bench)
    #expect(throws: CoordinatorError.self) { try create(Bench.publicKey(76), in: &bench) }
    let other = NodeName(checked: "other")
    #expect(throws: CoordinatorError.self) { try create(key, for: other, in: &bench) }
    #expect(throws: CoordinatorError.self) { try create(token, for: other, in: &bench) }
    for minutes in [0, -1, .min, .max, EnrolmentTokenView.allowedMinutes.upperBound + 1] {
      #expect(throws: CoordinatorError.self) {
        try create(Bench.publicKey(76), for: other, minutes: minutes, in: &bench)
      }
    }
    #expect(bench.core.tokenViews.count == 1)
  }
}
