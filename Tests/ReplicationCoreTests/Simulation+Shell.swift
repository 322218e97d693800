// SPDX-License-Identifier: GPL-3.0-or-later
import ReplicationCore
import Simulator

/// The shell of a member, as the core's rule of order asks for it, with a crash possible between any two directives.
extension Simulation {
  mutating func perform(_ directives: [RaftDirective]?, _ place: Int) throws {
    guard let directives else { return }
    let life = members[place].life
    for directive in directives {
      if isFaulty, plan.crashes, chance(risk(of: directive)) { return crash(place) }
      try perform(directive, place)
      guard members[place].life == life, members[place].isRunning else { return }
    }
    guard !members[place].disk.isSynced else { return }
    if chance(0.5) {
      sync(place)
    } else {
      queue.add(.diskIsIdle(members[place].name, life: life), after: pick(1..<30))
    }
  }

  /// How likely the power goes before a directive; in a storm above all where only a leader has an entry.
  private func risk(of directive: RaftDirective) -> Double {
    guard plan.isStormy else { return 0.0008 }
    if case .sendEntries = directive { return 0.15 }
    return 0.004
  }

  /// Makes everything durable and reports it a little later.
  mutating func sync(_ place: Int) {
    guard !members[place].disk.isSynced else { return }
    members[place].disk.sync()
    report(place)
  }

  private mutating func report(_ place: Int) {
    let member = members[place]
    queue.add(.persisted(member.name, life: member.life, member.disk.current.last), after: pick(0..<4))
  }

  private mutating func perform(_ directive: RaftDirective, _ place: Int) throws {
    switch directive {
    case .persistHardState, .truncateLog, .appendEntries, .becameFollower: break
    case .sendEntries: members[place].disk.syncStates()
    case .commitAdvanced where plan.broken == .reportsUnsynced: break
    default: if plan.broken != .answersBeforeSync { sync(place) }
    }
    count(directive)
    switch directive {
    case .persistHardState(let state):
      guard plan.broken != .voteNotPersisted else { break }
      members[place].disk.write(.hardState(state))
      members[place].disk.write(.floor { $0.hardState = state })
    case .truncateLog(let index):
      if index < members[place].appliedIndex { throw BrokenPromise(sentence: "applied entries truncated") }
      let content = members[place].disk.current
      let end = content.entry(at: index)?.position ?? content.base
      members[place].disk.write(.floor { if $0.end.index > index { $0.end = end } })
      members[place].disk.write(.truncate(after: index))
    case .appendEntries(let entries): try append(entries, place)
    case .send(let message, let receiver): try send(message, from: place, to: receiver)
    case .sendEntries(let order): try send(order, from: place)
    case .commitAdvanced(let index): try apply(upTo: index, place)
    case .becameLeader:
      if let core = members[place].core { try oracle.becameLeader(members[place].name, core) }
    case .becameFollower: members[place].waiting = []
    case .needsInitialSync:
      queue.add(.copy(members[place].name, life: members[place].life), after: pick(1..<200))
    case .recoveryFinished: members[place].disk.replace { $0.floor.lostTerm = nil }
    case .lostAcknowledged(let lostTerm): members[place].disk.replace { $0.floor.lostTerm = lostTerm }
    case .leaderReady, .peerNeedsInitialSync, .peerLostAcknowledged, .membershipChanged: break
    }
  }

  private mutating func count(_ directive: RaftDirective) {
    switch directive {
    case .truncateLog: seen["truncation", default: 0] += 1
    case .becameLeader: seen["election", default: 0] += 1
    case .needsInitialSync(.behindLeader): seen["sync", default: 0] += 1
    case .needsInitialSync(.contradiction): seen["contradiction", default: 0] += 1
    case .recoveryFinished: seen["recovery", default: 0] += 1
    case .membershipChanged: seen["membership", default: 0] += 1
    case .send(.timeoutNow, to: _): seen["hand-over", default: 0] += 1
    default: break
    }
  }

  private mutating func append(_ entries: [LogEntry], _ place: Int) throws {
    for entry in entries {
      try oracle.wrote(members[place].name, entry, after: members[place].disk.current.last)
      members[place].disk.write(.append(entry))
    }
    if plan.broken == .reportsUnsynced { report(place) }
  }

  private mutating func send(_ order: EntriesToSend, from place: Int) throws {
    let content = members[place].disk.current
    let first = order.after.index + 1
    let last = min(order.upTo, first + UInt64(plan.isStormy ? 0 : pick(0..<8)))
    let entries = (first...max(first, last)).compactMap { content.entry(at: $0) }
    try send(order.message(with: entries), from: place, to: order.to)
  }

  private mutating func send(_ message: RaftMessage, from place: Int, to receiver: MemberID) throws {
    let sender = members[place].name
    try oracle.sent(sender, message, to: receiver)
    if isFaulty, cut.contains(place * 16 + self.place(receiver)) || chance(plan.loss) { return }
    let copies = isFaulty && chance(plan.duplication) ? 2 : 1
    for _ in 0..<copies {
      var delay = pick(1..<plan.maximumDelay)
      if isFaulty, chance(plan.slowness) { delay += pick(1..<900) }
      queue.add(.deliver(message, from: sender, to: receiver), after: delay)
    }
  }

  private mutating func apply(upTo index: UInt64, _ place: Int) throws {
    guard let core = members[place].core, index > members[place].appliedIndex else { return }
    let upTo = plan.broken == .appliesUncommitted ? core.lastPosition.index : index
    for next in members[place].appliedIndex + 1...upTo {
      guard let entry = members[place].disk.current.entry(at: next) else {
        throw BrokenPromise(sentence: "\(members[place].name) has committed \(next) without having it")
      }
      let chain = members[place].appliedChain
      members[place].appliedChain = try oracle.applied(members[place].name, entry, on: chain, term: core.term)
      members[place].appliedIndex = next
      if members[place].waiting.first == entry.position {
        members[place].waiting.removeFirst()
        try oracle.acknowledged(entry.position)
      }
    }
    let member = members[place]
    queue.add(.applied(member.name, life: member.life, member.appliedIndex), after: pick(0..<10))
  }

  // MARK: What only disks and operators do

  mutating func crash(_ place: Int) {
    members[place].stop()
    if plan.broken == .answersBeforeSync || plan.broken == .reportsUnsynced {
      members[place].disk.lose()
    } else {
      members[place].disk.crash(&random)
    }
    queue.add(.restart(members[place].name, life: members[place].life), after: pick(10..<(plan.isStormy ? 400 : 900)))
  }

  /// The data becomes durable; then the log may be trimmed to it.
  mutating func checkpoint(_ place: Int, trim: Bool) throws {
    let (index, chain) = (members[place].appliedIndex, members[place].appliedChain)
    sync(place)
    members[place].disk.replace {
      $0.appliedIndex = index
      $0.appliedChain = chain
      $0.floor.end = $0.last
    }
    let content = members[place].disk.durable
    guard trim, let core = members[place].core, index > content.base.index, core.persistedIndex >= index,
      core.appliedIndex >= index
    else { return }
    let base = content.base.index + UInt64(pick(1..<Int(index - content.base.index) + 1))
    guard let entry = content.entry(at: base) else { return }
    let membership = core.memberships.membership(at: base)
    members[place].disk.replace {
      $0.entries.removeFirst(Int(base - $0.base.index))
      $0.base = entry.position
      $0.baseMembership = membership
    }
    try members[place].core?.onLogTruncatedBefore(base: entry.position)
  }

  /// An initial sync from any member that has applied more, at one moment.
  mutating func copy(to place: Int) throws {
    guard let core = members[place].core, core.role != .leader else { return }
    let sources = members.indices.filter { source in
      guard source != place, let other = members[source].core else { return false }
      return other.commitIndex >= core.commitIndex && members[source].appliedIndex >= core.commitIndex
        && members[source].appliedIndex > core.log.base.index
        && other.term(at: members[source].appliedIndex) != nil
    }
    guard !sources.isEmpty else { return }
    let source = members[sources[pick(0..<sources.count)]]
    guard let other = source.core, let term = other.term(at: source.appliedIndex) else { return }
    let base = LogPosition(term: term, index: source.appliedIndex)
    let membership = other.memberships.membership(at: base.index)
    let keepsTail = core.log.contains(base)
    sync(place)
    members[place].disk.replace {
      if keepsTail { $0.entries.removeFirst(Int(base.index - $0.base.index)) } else { $0.entries = [] }
      $0.base = base
      $0.baseMembership = membership
      ($0.appliedIndex, $0.appliedChain) = (source.appliedIndex, source.appliedChain)
    }
    members[place].appliedIndex = source.appliedIndex
    members[place].appliedChain = source.appliedChain
    guard plan.broken != .resyncedVotesAtOnce else {
      members[place].disk.replace { $0.floor = AcknowledgedFloor(hardState: $0.hardState, end: $0.last) }
      members[place].stop()
      return try start(place)
    }
    try input(place) { try $0.onBaseInstalled(base, membership: membership, now: $1) }
  }
}
