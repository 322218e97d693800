// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import CoordinatorCore

@Suite("Calls to a KMS get moments, in the order they are asked for, below its quota")
struct SlotTests {
  private static let vault = "https://shop.vault.azure.net/keys/one/0123456789abcdef0123456789abcdef"
  private static let azure = KMSSettings(
    provider: .azure, keyID: vault, region: "",
    credentials: .azureClientSecret(tenant: "t", clientID: "c"))
  private static let begin = Instant(milliseconds: 1_790_000_000_000)

  @Test("gives a thousand at once moments that stay below the quota in every ten seconds, first come, first served")
  func thousand() {
    var slots = CallSlots(startedAt: Self.begin)
    let now = Self.begin + .seconds(600)
    let waits = (0..<1000).map { slots.wait(of: "node-\($0)", calls: 1, under: Self.azure, now: now) }
    #expect(waits.map(\.wait) == waits.map(\.wait).sorted())
    #expect(waits[0].wait == .zero && waits[0].position == 0)
    #expect(waits[999].position == 1000 - waits.count { $0.wait == .zero })
    let moments = waits.map(\.wait.wholeMilliseconds)
    for moment in moments {
      let crowd = moments.count { (moment..<moment + 10_000).contains($0) }
      // Half of the quota is for what asks for no moment.
      #expect(crowd <= KMSQuota.smallestQuota(.azure) / 2, "\(crowd) from \(moment) ms on")
    }
    #expect((moments.last ?? 0) < 120_000, "and are through soon")
  }

  @Test("keeps the moment of one that asks again, and gives nobody two")
  func again() {
    var slots = CallSlots(startedAt: Self.begin)
    for number in 0..<100 { _ = slots.wait(of: "\(number)", calls: 1, under: Self.azure, now: Self.begin) }
    let later = Self.begin + .seconds(2)
    let before = slots.wait(of: "90", calls: 1, under: Self.azure, now: Self.begin)
    slots.finish("90", now: later)
    let same = slots.wait(of: "90", calls: 1, under: Self.azure, now: later)
    #expect(same.wait == before.wait - .seconds(2) && same.position < before.position)
    let done = Self.begin + .seconds(9) + .milliseconds(500)
    #expect(slots.wait(of: "90", calls: 1, under: Self.azure, now: done).wait == .zero)
    slots.finish("90", now: done)
    #expect(slots.wait(of: "90", calls: 1, under: Self.azure, now: done).wait > .zero, "its next call is another one")
  }

  @Test("one account does not wait for another, and a moment that was not used is gone after a while")
  func accounts() {
    var slots = CallSlots(startedAt: Self.begin)
    for number in 0..<1000 { _ = slots.wait(of: "\(number)", calls: 1, under: Self.azure, now: Self.begin) }
    let other = slots.wait(of: "other", calls: 1, under: Bench.settings, now: Self.begin)
    #expect(other.wait == .zero)
    let late = Self.begin + .seconds(60)
    #expect(slots.wait(of: "0", calls: 1, under: Self.azure, now: late).wait > .seconds(30))
  }

  @Test("neither a clock that is set back nor a new life holds anybody up for long")
  func clock() {
    var slots = CallSlots(startedAt: Self.begin)
    for number in 0..<50 { _ = slots.wait(of: "\(number)", calls: 1, under: Self.azure, now: Self.begin) }
    let back = Self.begin - .seconds(86_400)
    #expect(slots.wait(of: "50", calls: 1, under: Self.azure, now: back).wait <= CallSlots.life)
    // A new life has no reserve: what the last one gave out may still be under way.
    var new = CallSlots(startedAt: back)
    let waits = (0..<CallSlots.burst).map { new.wait(of: "\($0)", calls: 1, under: Self.azure, now: back).wait }
    #expect(waits.filter { $0 == .zero }.count == 1)
  }

  private func granted(_ bench: Bench, _ number: Int) -> StartSlot? {
    bench.last.lazy.compactMap {
      if case .grantSlot(Bench.node(number), let slot) = $0 { slot } else { nil }
    }.last
  }

  @Test("tells a node that asks its moment, again while it waits, and nobody who does not ask")
  func grants() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    bench.change(1) { $0.phase = .serving }
    #expect(granted(bench, 1) == nil)
    bench.change(1) { $0.slotWanted = 1 }
    #expect(granted(bench, 1)?.number == 1)
    bench.change(1) { _ in }
    #expect(granted(bench, 1) == nil, "not at each heartbeat")
    bench.pass(CoordinatorLimits.slotRepeat)
    #expect(granted(bench, 1)?.number == 1)
    bench.change(1) { $0.slotWanted = 2 }
    #expect(granted(bench, 1)?.number == 2)
    bench.hello(Bench.node(1))
    #expect(granted(bench, 1)?.number == 2, "a hello may be a node's first word to this life")
  }

  @Test("a node that asks again and again has one place in the queue, and holds up nobody")
  func greed() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    fill(&bench, 500)
    bench.change(1) { $0.slotWanted = 1 }
    let first = try #require(granted(bench, 1))
    let moment = bench.now + .milliseconds(Int64(first.waitMilliseconds))
    for number in UInt64(2)..<1000 { bench.change(1) { $0.slotWanted = number.isMultiple(of: 2) ? number : nil } }
    #expect(granted(bench, 1) == nil)
    bench.change(1) { $0.slotWanted = 1000 }
    let last = try #require(granted(bench, 1))
    #expect(last.number == 1000 && bench.now + .milliseconds(Int64(last.waitMilliseconds)) == moment)
    bench.change(2) { $0.slotWanted = 1 }
    #expect(granted(bench, 2)?.position == last.position + 1)
  }

  /// So many others are before whoever asks next.
  private func fill(_ bench: inout Bench, _ count: Int) {
    for number in 0..<count {
      _ = bench.core.slots.wait(of: "other \(number)", calls: 1, under: Bench.settings, now: bench.now)
    }
  }

  private func asked(_ bench: Bench) -> Set<NodeName> {
    Set(
      bench.last.compactMap {
        if case .sendCommand(let node, let command) = $0, command.action == .checkKMS { node } else { nil }
      })
  }

  @Test("waits for no slot to have a revocation confirmed")
  func revocation() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    fill(&bench, 5000)
    bench.verdict(.revoked(.keyDisabled, detail: "disabled"))
    #expect(asked(bench).count == 3)
    bench.check(1, .revoked(.keyDisabled, detail: "disabled"))
    #expect(try bench.core.cluster(Bench.cluster).lockout != nil)
  }

  @Test("asks a few nodes at once to look, the others as their slots come, and begins with others the next time")
  func looks() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    let away = (0..<CoordinatorLimits.looksAtOnce).map { NodeName(checked: "away-\($0)") }
    let present = (1...3).map(Bench.node)
    fill(&bench, 100)
    bench.core.askToLook(away + present, of: Bench.project, now: bench.now)
    bench.take(bench.core.flush())
    #expect(asked(bench) == Set(away))
    bench.pass(.seconds(1))
    #expect(asked(bench).isEmpty, "a hundred calls are before theirs")
    bench.pass(.seconds(2))
    #expect(asked(bench) == Set(present) && bench.core.looksAwaited.isEmpty)
    fill(&bench, 100)
    bench.core.askToLook(away + present, of: Bench.project, now: bench.now)
    bench.take(bench.core.flush())
    #expect(asked(bench).isSuperset(of: present))
    #expect(bench.core.looksAwaited.isEmpty, "nobody waits for a node that is not heard")
  }

  @Test("sends the command to rotate when its moment has come, and says what it waits for")
  func rotation() throws {
    var bench = try Bench()
    try bench.serve(3, encrypted: true)
    fill(&bench, 500)
    try bench.order { core, now throws(CoordinatorError) in try core.rotateMasterKeys(Bench.cluster, now: now) }
    func rotates(_ bench: Bench) -> Bool {
      bench.commands().contains { if case .rotateMasterKey = $0.action { true } else { false } }
    }
    #expect(!rotates(bench))
    let plan = try #require(bench.core.plans.first { $0.isOpen })
    #expect(bench.core.view(of: plan, now: bench.now).waitingReason?.contains("waiting for a start slot") == true)
    bench.pass(.seconds(15))
    #expect(rotates(bench))
  }
}
