// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// What operators decide when the coordinator asks them.
extension SimulatedWorld {
  static let admin = OperatorName(checked: "admin")

  /// An operator sees an alert and does what it asks for, some time later.
  ///
  /// No node is ever run twice here, so that a second process is the one that lives, or a word of one that is gone: the
  /// next alert puts that right. No disk is ever put back to an older state, so that a keystore which is not
  /// recorded is ahead of a store that was.
  func decideSoon(on alert: AlertRecord) {
    let name = alert.subject
    switch alert.kind {
    case .secondIncarnation: decideSoon { $0.approve(NodeName(checked: name)) }
    case .storeRestored: decideSoon { $0.adopt() }
    case .keyUnknown: decideSoon { $0.decideOnUnknownKey() }
    case .keystoreDistrusted where profile.restores: decideSoon { $0.approve(NodeName(checked: name)) }
    case .keystoreDistrusted where profile.majorityLoss: decideSoon { $0.takeBack(NodeName(checked: name)) }
    default: break
    }
  }

  /// Has `decide` decided later, once there is a coordinator; again until it says that nothing is left to decide.
  func decideSoon(_ decide: @escaping (SimulatedWorld) -> Bool) {
    after(dice.within(3000...60_000)) { [unowned self] in
      guard coordinator.process != nil, coordinator.pausedUntil <= now, decide(self) else { return decideSoon(decide) }
    }
  }

  private func approve(_ name: NodeName) -> Bool {
    guard let core = coordinator.core else { return false }
    let waits = core.waitingReport(of: name) != nil
    guard waits || isDistrusted(name) else { return true }
    statistics.count("approval")
    note("an operator approves \(name)")
    guard coordinator.order({ try $0.approveNode(name, by: Self.admin, now: $1) }) != nil else { return false }
    // The word was for the process; the alert of its keystore is open still.
    return !(waits && isDistrusted(name))
  }

  private func isDistrusted(_ name: NodeName) -> Bool { (try? coordinator.core?.node(named: name))?.distrust != nil }

  // MARK: A restored store

  var hasCluster: Bool { storedPlans.contains { $0.kind == .create && $0.outcome == .succeeded } }

  /// A store that was put back knows less: what is judged by what it held begins anew, and operators ask again for what
  /// they want.
  func onRestored() {
    finishedPlans = []
    // What was open in the copy is seen by whoever looks at it.
    for alert in coordinator.records.values.compactMap({ if case .alert(let alert) = $0 { alert } else { nil } })
      .sorted(by: { $0.id < $1.id }) where alert.closedAt == nil
    {
      decideSoon(on: alert)
    }
    orders.append { world in
      if world.storedCluster?.encryptionWanted == true { return true }
      if world.storedCluster?.running == false { _ = world.orderStart() }
      _ = world.coordinator.order { try $0.encryptCluster(Self.cluster, now: $1) }
      return false
    }
    orders.append { $0.orderStart() }
  }

  /// Once all nodes are heard, as the runbook says.
  private func adopt() -> Bool {
    guard let core = coordinator.core, core.alerts.contains(where: { $0.kind == .storeRestored && $0.closedAt == nil })
    else { return true }
    guard nodes.allSatisfy({ core.isHeard($0.name, now: coordinator.now) }) else { return false }
    statistics.count("adoption")
    note("an operator adopts the nodes that are ahead of the store")
    return coordinator.order { try $0.adopt(withoutMajority: false, by: Self.admin, now: $1) } != nil
  }

  // MARK: A lost majority

  /// An operator looks at a shard that lost its majority, and lets it go on from the member that has most, once nobody
  /// else can elect anybody any more.
  func recoverSoon() {
    decideSoon { world in
      guard world.givenUpFor == nil else {
        world.bringBack()
        return true
      }
      return world.recover()
    }
  }

  /// False until the shard has gone on.
  private func recover() -> Bool {
    guard let view = try? coordinator.core?.recoveryView(of: Self.cluster, now: coordinator.now) else { return false }
    let named = storedPlans.first { $0.kind == .recover && $0.isOpen }?.steps.first?.node
    // The node that it was to go on from died before it was told.
    let isInVain = named.map { coordinator.core?.isHeard($0, now: coordinator.now) == false } ?? false
    guard view.obstacle == nil, let best = view.best, let chosen = view.members.first(where: { $0.node == best }) else {
      if view.obstacle != nil { return false }
      // A node that was started since waits for a majority that never comes.
      _ = coordinator.order { try $0.adopt(withoutMajority: true, by: Self.admin, now: $1) }
      // It was left behind for nothing, and nothing else is left; what was refused while it was silent is asked again.
      if isInVain, let left = memberNodes.first(where: { isDistrusted($0.name) && mayApproveAfterLoss($0.name) }) {
        approvedAfterLoss = left.name
        _ = approve(left.name)
      }
      return false
    }
    if named != nil, named == best || !isInVain { return false }
    note("an operator recovers from \(best): \(chosen.loss)")
    guard coordinator.order({ try $0.recover(Self.cluster, from: best, by: Self.admin, now: $1) }) != nil else {
      return false
    }
    knownLoss = chosen.loss
    return false
  }

  /// Only one: two could elect each other without what the shard has done since.
  private func mayApproveAfterLoss(_ name: NodeName) -> Bool { approvedAfterLoss == nil || approvedAfterLoss == name }

  /// A member goes on alone: what only others have is given up, and no more than that.
  func goesOn(from member: SimulatedMember) {
    let lost = oracle.goesOn(from: member.core)
    note("\(member.node.name) goes on alone; \(lost) acknowledged writes are given up")
    statistics.count("recovery from one member")
    if lost > 0, knownLoss == "nothing known is lost" { fail("\(lost) writes are lost that nobody was told of") }
    givenUpFor = member.node.name
  }

  /// Machines that were gone come back, with whatever is on their disks.
  private func bringBack() {
    for node in nodes where node.isAway && !node.isGoneForGood {
      after(dice.within(0...60_000)) { [unowned node] in
        node.isAway = false
        node.start()
      }
    }
  }

  /// A node that its shard was recovered without: a copy of what the shard has, or, for one node, a word that its log
  /// is a part of that. More could elect somebody among themselves.
  private func takeBack(_ name: NodeName) -> Bool {
    guard isDistrusted(name) else { return true }
    let isCopied = storedPlans.contains { plan in
      plan.isOpen && plan.kind == .initialSync && plan.steps.contains { $0.node == name }
    }
    if isCopied { return false }
    if mayApproveAfterLoss(name), dice.chance(400) {
      approvedAfterLoss = name
      return approve(name)
    }
    _ = coordinator.order { try $0.resyncNode(name, now: $1) }
    return false
  }
}
