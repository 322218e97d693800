// SPDX-License-Identifier: GPL-3.0-or-later
import ReplicationCore
import Testing

@Suite("Readers of one member never see less than before") struct ReadableTests {
  @Test("after a start they wait until it has applied what its log held then")
  func afterStart() throws {
    var core = try core(log: [1, 1, 1, 1], applied: 2)
    #expect(!core.isReadable && core.isOfOneMoment)
    _ = core.append(2, after: at(1, 4), [noop(2, 5)], commit: 3)
    _ = core.onApplied(3, now: .zero)
    #expect(!core.isReadable)
    _ = core.append(2, after: at(2, 5), commit: 4)
    #expect(!core.isReadable)
    _ = core.onApplied(4, now: .zero)
    #expect(core.isReadable)
    // What comes later is no reason to wait.
    _ = core.append(2, after: at(2, 5), [data(2, 6)], commit: 5)
    #expect(core.isReadable)
  }

  @Test("a new member, and one whose data holds all of its log, is readable at once")
  func atOnce() throws {
    #expect(try core().isReadable)
    #expect(try core(log: [1, 1], applied: 2).isReadable)
  }

  @Test("what is cut off its log is not waited for, also where no write ever comes again")
  func truncated() throws {
    var core = try core(log: [1, 1, 1, 1], applied: 1)
    _ = core.append(2, after: at(1, 2), [noop(2, 3)], commit: 3)
    #expect(core.lastPosition == at(2, 3) && !core.isReadable)
    _ = core.onApplied(3, now: .zero)
    #expect(core.isReadable)
  }

  @Test("the only member of a shard is readable as soon as it leads")
  func alone() throws {
    var core = try core(voters: [a], log: [1, 1, 1], applied: 1)
    #expect(!core.isReadable)
    _ = core.onTick(now: ms(1))
    _ = core.onPersisted(upTo: core.lastPosition, now: ms(1))
    #expect(core.commitIndex == 4)
    _ = core.onApplied(4, now: ms(1))
    #expect(core.acceptsProposals && core.isReadable)
  }

  @Test("a shard that was down as a whole is readable again with its first primary")
  func wholeShard() throws {
    var core = try core(log: [1, 1, 1], applied: 1)
    let won = core.win()
    #expect(core.role == .leader && !core.isReadable)
    core.becomeReady(now: won)
    #expect(core.isReadable)
  }

  @Test("a copy behind what the log held is no end of the wait; one that contradicts the log is")
  func copies() throws {
    var kept = try core(log: [1, 1, 1, 1], applied: 1)
    _ = try kept.onBaseInstalled(at(1, 2), membership: kept.membership, electableFrom: 2, now: .zero)
    #expect(kept.isOfOneMoment && !kept.isReadable)
    var other = try core(log: [1, 1, 1, 1], applied: 1)
    // With another entry at 3, its own from there on were never committed.
    _ = try other.onBaseInstalled(at(2, 3), membership: other.membership, electableFrom: 3, now: .zero)
    #expect(other.isReadable)
    var behind = try core(log: [1], applied: 1)
    _ = try behind.onBaseInstalled(at(2, 9), membership: behind.membership, electableFrom: 12, now: .zero)
    #expect(!behind.isReadable && !behind.isOfOneMoment)
  }

  @Test("a member that lost what it had waits for an entry of a primary elected without it, and all before that")
  func lost() throws {
    var core = try core(log: [1, 1], applied: 2, mode: .recovering(lostTerm: 3))
    #expect(!core.isReadable)
    _ = core.append(5, after: at(1, 2), [data(3, 3), noop(5, 4)], commit: 2)
    _ = core.onPersisted(upTo: at(5, 4), now: .zero)
    #expect(!core.isRecovering && !core.isReadable)
    _ = core.append(5, after: at(5, 4), commit: 4)
    _ = core.onApplied(3, now: .zero)
    #expect(!core.isReadable)
    _ = core.onApplied(4, now: .zero)
    #expect(core.isReadable)
  }

  @Test("what is left of a shard's only voter that lost something can be read, to be brought elsewhere")
  func lostAlone() throws {
    #expect(try core(voters: [a], log: [1, 1], applied: 1, mode: .recovering(lostTerm: 3)).isReadable)
  }
}
