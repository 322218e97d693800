// SPDX-License-Identifier: GPL-3.0-or-later

/// One member of a Raft group as a value: events in, directives out; no I/O, clock, randomness or log.
///
/// After Ongaro, "Consensus: Bridging Theory and Practice" (2014): elections and log (chapter 3), hand-over (3.10), one
/// voter changed at a time, learners (4), pre-vote and check-quorum (9.6, 6.2, 4.2.3).
///
/// **The rule for the shell.** Perform the directives of all lists one after another in the order given. Before any
/// directive but `.sendEntries`, `.becameFollower` and the three of the disk themselves, *everything* the disk was told
/// before it has to be durable; before `.sendEntries` only hard states and truncations, while the entries may still be
/// on their way (they have to be readable). Making each disk directive durable at once is always right. If the disk
/// fails, stop: perform nothing more and tell the core nothing. A shell may crash anywhere between two directives.
///
/// Messages may be lost, repeated, delayed and reordered. `now` is the time since any fixed start and never goes back.
/// Whoever asks for a change feeds the directives it gets back before it asks for the next.
public struct RaftCore: Sendable {
  /// This member.
  public let me: MemberID
  /// Its times and limits.
  public let settings: RaftSettings
  /// Term and vote.
  public internal(set) var hardState: HardState
  /// Where the log starts and ends, and its terms.
  public internal(set) var log: LogOutline
  /// The memberships of base and log.
  public internal(set) var memberships: MembershipHistory
  /// The highest index known to be committed.
  public internal(set) var commitIndex: UInt64
  /// The highest index a leader has said is committed, also if this member does not hold it yet.
  public internal(set) var leaderCommit: UInt64 = 0
  /// The highest index the shell has applied.
  public internal(set) var appliedIndex: UInt64
  /// The highest index the shell reported durable.
  public internal(set) var persistedIndex: UInt64
  /// How the member takes part.
  public internal(set) var mode: MemberMode
  /// How many messages were dropped, by reason.
  public internal(set) var ignored = IgnoredMessages()

  var state: RaftState
  var clock: Duration
  var random: SplitMix64
  var electableFrom: UInt64
  /// Where the log ended when the member started: what it had applied, and so may have shown to readers, before then
  /// lies no further. Lowered with the log, raised when a loss is made good.
  var readableFrom: UInt64
  /// The hard state the disk was last told.
  var persistedHardState: HardState
  /// When this member last asked for an initial sync; nil once entries follow again.
  var syncAskedAt: Duration?
  private var pending: [RaftDirective] = []

  /// Restores a member; throws `inconsistentState` if what it found on its disk contradicts itself, which is damage,
  /// and `invalidSettings`.
  public init(me: MemberID, settings: RaftSettings, restored: RestoredState, seed: UInt64, now: Duration)
    throws(ReplicationError)
  {
    try settings.check()
    try restored.check()
    self.me = me
    self.settings = settings
    hardState = restored.hardState
    persistedHardState = restored.hardState
    log = restored.log
    memberships = restored.memberships
    commitIndex = restored.appliedIndex
    appliedIndex = restored.appliedIndex
    persistedIndex = restored.log.lastIndex
    mode = restored.mode
    electableFrom = restored.electableFrom
    readableFrom = restored.log.lastIndex
    clock = now
    random = SplitMix64(seed: seed)
    state = .follower(Following(leader: nil, lastContact: nil, deadline: now))
    state = .follower(Following(leader: nil, lastContact: nil, deadline: electionDeadline()))
    if case .recovering(let lostTerm) = mode {
      // Whoever leads a term in which this member may have voted steps down when it hears of this one.
      let term = max(hardState.term, log.last.term, lostTerm + 1)
      if term > hardState.term { hardState = HardState(term: term, vote: me) }
      finishRecoveryIfDone()
    }
  }

  /// The membership in force: the last in the log, committed or not.
  public var membership: Membership { memberships.current }
  /// The current term.
  public var term: UInt64 { hardState.term }

  /// Adds a directive; whatever others could see waits for the hard state it follows from.
  mutating func emit(_ directive: RaftDirective) {
    if case .becameFollower = directive {} else { flushHardState() }
    pending.append(directive)
  }

  mutating func flushHardState() {
    guard hardState != persistedHardState else { return }
    persistedHardState = hardState
    pending.append(.persistHardState(hardState))
  }

  /// The directives of the input that ends here.
  mutating func drain() -> [RaftDirective] {
    flushHardState()
    defer { pending = [] }
    return pending
  }

  mutating func advance(to now: Duration) { clock = max(clock, now) }

  mutating func electionDeadline() -> Duration {
    clock + random.duration(from: settings.electionTimeout, to: settings.electionTimeout * 4 / 3)
  }
}

/// How many messages a member dropped, by reason; a rising number is worth a look.
public struct IgnoredMessages: Sendable, Equatable {
  /// Broke a rule that does not depend on the receiver.
  public var malformed: UInt64 = 0
  /// From a member that does not belong to the shard, where that matters, or from itself.
  public var fromStrangers: UInt64 = 0
  /// Of an older term, round or election.
  public var stale: UInt64 = 0
  /// A vote was asked for while the leader is well.
  public var votesWhileLed: UInt64 = 0
  /// A second leader of one term, or a leader that contradicts what is committed: never in a sound shard.
  public var contradictions: UInt64 = 0
}
