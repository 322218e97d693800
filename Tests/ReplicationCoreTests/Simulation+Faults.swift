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

  private enum Loss: CaseIterable { case disk, store, end, votes }

  /// A member loses data; at most one at a time, as more would be the end of a majority. What was beside its store
  /// tells it so at its next start; if that is gone too, whoever sets it up anew asks the others for their terms.
  private mutating func loseData(_ place: Int) {
    let others = members.indices.filter { $0 != place }
    guard others.allSatisfy({ members[$0].disk.durable.floor.lostTerm == nil && !members[$0].isHurt }) else { return }
    if members[place].isRunning { crash(place) }
    members[place].isHurt = true
    let highest = others.map { members[$0].disk.durable.hardState.term }.max() ?? 0
    let loss = Loss.allCases[pick(0..<Loss.allCases.count)]
    let kept = UInt64(pick(0..<1000))
    members[place].disk.replace { content in
      switch loss {
      case .disk:
        let lostTerm = max(highest, content.hardState.term)
        content.loseStore()
        content.floor = AcknowledgedFloor(hardState: .initial, end: .origin, lostTerm: lostTerm)
      case .store: content.loseStore()
      case .end:
        let start = max(content.appliedIndex, content.base.index)
        guard content.floor.end.index > start else { break }
        content.perform(.truncate(after: start + kept % (content.floor.end.index - start)))
      case .votes: content.hardState = HardState(term: content.last.term, vote: nil)
      }
    }
    seen["loss", default: 0] += 1
    if loss == .disk { oracle.lostDisk(members[place].name) }
  }
}

extension SimulatedDisk.Content {
  /// All but what lies beside the store is gone.
  fileprivate mutating func loseStore() {
    entries = []
    (base, appliedIndex, appliedChain) = (.origin, 0, 0)
    hardState = .initial
  }
}
