// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import ReplicationCore
import Testing

@Suite("Failover with the default times")
struct FailoverTests {
  /// Members with perfect disks and a network of 5 ms, ticking every 50 ms.
  private struct Shard {
    var cores: [MemberID: RaftCore] = [:]
    var now = 0
    var mail: [(due: Int, from: MemberID, to: MemberID, message: RaftMessage)] = []

    init(seed: UInt64) throws {
      let restored = RestoredState.founding(try Membership(voters: [a, b, c]))
      for (offset, name) in [a, b, c].enumerated() {
        let seed = seed &* 3 &+ UInt64(offset)
        cores[name] = try RaftCore(me: name, settings: RaftSettings(), restored: restored, seed: seed, now: .zero)
      }
    }

    var leader: MemberID? { cores.keys.first { cores[$0]?.acceptsProposals == true } }

    mutating func perform(_ name: MemberID, _ directives: [RaftDirective]) {
      for directive in directives {
        switch directive {
        case .send(let message, let receiver): mail.append((now + 5, name, receiver, message))
        case .sendEntries(let order):
          let term = cores[name]?.term(at: order.upTo) ?? 1
          mail.append((now + 5, name, order.to, order.message(with: [noop(term, order.upTo)])))
        case .appendEntries(let entries):
          if let last = entries.last {
            perform(name, cores[name]?.onPersisted(upTo: last.position, now: ms(now)) ?? [])
          }
        case .commitAdvanced(let index): perform(name, cores[name]?.onApplied(index, now: ms(now)) ?? [])
        default: break
        }
      }
    }

    mutating func step() {
      now += 1
      let due = mail.filter { $0.due <= now }
      mail.removeAll { $0.due <= now }
      for letter in due {
        perform(letter.to, cores[letter.to]?.onMessage(letter.message, from: letter.from, now: ms(now)) ?? [])
      }
      guard now % 50 == 0 else { return }
      for name in [a, b, c] { perform(name, cores[name]?.onTick(now: ms(now)) ?? []) }
    }

    mutating func run(_ limit: Int, until done: (Shard) -> Bool) -> Bool {
      for _ in 0..<limit where !done(self) { step() }
      return done(self)
    }
  }

  @Test("a new primary takes writes within 6 s of a kill", arguments: 0..<60)
  func failover(_ seed: UInt64) throws {
    var shard = try Shard(seed: seed)
    #expect(shard.run(6_000) { $0.leader != nil })
    _ = shard.run(Int(seed) * 13) { _ in false }
    guard let first = shard.leader else { return }
    shard.cores[first] = nil
    #expect(shard.run(6_000) { $0.leader != nil })
  }
}
