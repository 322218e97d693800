// SPDX-License-Identifier: GPL-3.0-or-later
import ReplicationCore
import Simulator

extension Simulation {
  mutating func injectFault() throws {
    queue.add(.fault, after: pick(20..<150))
    let place = pick(0..<members.count)
    switch pick(0..<9) {
    case 0 where plan.crashes && members[place].isRunning:
      crash(place)
      try disconnect(place)
    case 1 where plan.partitions: partition()
    case 2: cut = []
    case 3 where plan.pauses: members[place].pausedUntil = queue.now + pick(50..<1200)
    case 4 where plan.handOvers: try handOver()
    case 5 where plan.membershipChanges:
      // More at once than a leader may take.
      for _ in 0..<pick(1..<4) { try changeMembership() }
    case 6 where plan.dataLoss: loseData(place)
    case 7, 8: if members[place].isRunning { try checkpoint(place, trim: plan.trims && chance(0.7)) }
    default: break
    }
  }

  private mutating func disconnect(_ gone: Int) throws {
    for place in members.indices where place != gone && chance(0.4) {
      let name = members[gone].name
      try input(place) { $0.onPeerDisconnected(name, now: $1) }
    }
  }

  /// Cuts some links, in both or in one direction.
  private mutating func partition() {
    cut = []
    let isolated = Set(members.indices.filter { _ in chance(0.4) })
    let isOneWay = chance(0.3)
    for from in members.indices {
      for to in members.indices where isolated.contains(from) != isolated.contains(to) {
        if !isOneWay || isolated.contains(from) { cut.insert(from * 16 + to) }
      }
    }
  }

  private mutating func handOver() throws {
    for place in members.indices where members[place].core?.role == .leader {
      let target = chance(0.5) ? nil : members[pick(0..<members.count)].name
      try input(place) { $0.onTransferLeadership(to: target, now: $1).directives }
    }
  }

  private mutating func changeMembership() throws {
    for place in members.indices where members[place].core?.role == .leader {
      let name = members[pick(0..<members.count)].name
      let change: MembershipChange =
        switch pick(0..<6) {
        case 0, 1: .addLearner(name)
        case 2, 3: .promoteLearner(name)
        case 4: .demoteVoter(name)
        default: .remove(name)
        }
      try input(place) { core, now in
        guard case .accepted(_, _, let directives) = core.onProposeMembership(change, now: now) else { return [] }
        return directives
      }
    }
  }

  /// A member loses the end of its log, or everything; at most one at a time, as more would be the end of a majority.
  private mutating func loseData(_ place: Int) {
    let others = members.indices.filter { $0 != place }
    guard others.allSatisfy({ members[$0].disk.durable.mode == .full }) else { return }
    if members[place].isRunning { crash(place) }
    let highest = others.map { members[$0].disk.durable.hardState.term }.max() ?? 0
    let losesAll = chance(0.5)
    let kept = UInt64(pick(0..<1000))
    let declares = plan.broken != .lossNotDeclared
    members[place].disk.replace { content in
      if losesAll {
        content.entries = []
        (content.base, content.appliedIndex, content.appliedChain) = (.origin, 0, 0)
        content.hardState = .initial
      } else {
        let end = max(content.appliedIndex, content.base.index + kept % (content.last.index - content.base.index + 1))
        content.perform(.truncate(after: end))
      }
      if declares { content.mode = .recovering(lostTerm: max(highest, content.hardState.term)) }
    }
    if losesAll { oracle.lostDisk(members[place].name) }
  }
}
