// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import KeyHierarchy

/// Changes of the customer's key, and the ledger against what is on the disks.
extension SimulatedWorld {
  /// An operator names a key that is not in force, or another replica of the one that is; as in production, nothing is
  /// changed while the old one is revoked or the new one is not valid.
  func changeKey(to named: String? = nil) -> Bool {
    guard let project = try? coordinator.core?.project(named: Self.project), let present = project.kms?.keyID else {
      return true
    }
    let others = [SimulatedKMS.otherKeyID, SimulatedKMS.keyID, SimulatedKMS.replicaKeyID].filter { $0 != present }
    guard let wanted = named ?? dice.pick(others) else { return false }
    let settings = SimulatedKMS.settings(of: wanted)
    guard let version = try? coordinator.core?.settingsVersion(proposing: settings, for: Self.project) else {
      return false
    }
    let place = coordinatorPlace
    func verdict(_ key: String) -> Verdict {
      kms.verdict(for: place, of: key, clockOffset: coordinator.clockOffset, now: now)
    }
    if case .revoked = verdict(present) { return false }
    guard verdict(wanted) == .valid else { return false }
    let changed = coordinator.order {
      try $0.onKMSProven(
        Self.project, settings: settings, settingsVersion: version, canary: SimulatedKMS.canary(under: wanted), now: $1)
    }
    guard changed != nil else { return false }
    note("the key is changed to \(wanted)")
    statistics.count(CustomerKey.isSame(present, wanted) ? "replica named" : "key named anew")
    return true
  }

  /// A store that was put back to an older copy does not know a key named since: an operator names it again, which lets
  /// open what is under it. False if no store was put back, so that the node should have its settings.
  func nameAgain(_ key: String) -> Bool {
    guard statistics.seen["restored store", default: 0] > 0 else { return false }
    let stored = coordinator.records[RecordKey(kind: .project, id: Self.project.text)]
    guard case .project(let project)? = stored,
      !([project.kms?.keyID].compactMap(\.self) + project.neededKeys.map(\.keyID)).contains(where: {
        CustomerKey.isSame($0, key)
      })
    else { return true }
    if keyToNameAgain == nil {
      orders.append { world in
        guard let wanted = world.keyToNameAgain else { return true }
        let present = (try? world.coordinator.core?.project(named: Self.project))?.kms?.keyID
        guard present == wanted || world.changeKey(to: wanted) else { return false }
        world.keyToNameAgain = nil
        return true
      }
    }
    keyToNameAgain = key
    return true
  }

  /// Nodes are under a key that a store put back knows nothing of: an operator names that key again, or orders them
  /// under the one in force.
  func decideOnUnknownKey() -> Bool {
    guard let core = coordinator.core, core.alerts.contains(where: { $0.kind == .keyUnknown && $0.closedAt == nil })
    else { return true }
    let present = (try? core.project(named: Self.project))?.kms?.keyID
    guard !core.alerts.contains(where: { $0.kind == .storeRestored && $0.closedAt == nil }), let present,
      let held = keysOnDisk.map(\.key).first(where: { !CustomerKey.isSame($0, present) })
    else { return false }
    statistics.count("unknown key")
    return changeKey(to: dice.chance(700) ? held : present)
  }

  /// Every customer key that some keystore on some disk needs, or may need again after a power loss. What is on a
  /// machine that is gone, nobody knows.
  var keysOnDisk: [(node: SimulatedNode, key: String)] {
    nodes.filter { !$0.isAway }.flatMap { node in
      node.disk.generations.flatMap { files in
        [files.keystore, files.keystoreBefore].compactMap(\.self).map { (node, $0.wrappedMasterKey.keyID) }
      }
    }
  }

  /// The settings of a key are let go only when no keystore on any disk needs them.
  func checkLedger(_ project: ProjectRecord) {
    guard case .project(let before) = coordinator.records[RecordKey(kind: .project, id: project.name.text)] else {
      return
    }
    let known = ([project.kms?.keyID].compactMap(\.self) + project.neededKeys.map(\.keyID))
    for former in before.neededKeys where !known.contains(where: { CustomerKey.isSame($0, former.keyID) }) {
      statistics.count("key let go")
      if let left = keysOnDisk.first(where: { CustomerKey.isSame($0.key, former.keyID) }) {
        fail("the settings of \(former.keyID) are let go although \(left.node.name) has a keystore under it")
      }
    }
  }

  /// What of a change of keys is not yet as it has to be once all faults have ended.
  var unsettledKeys: String? {
    guard let core = coordinator.core, let project = try? core.project(named: Self.project) else { return nil }
    if let former = project.neededKeys.first { return "the key \(former.keyID) is still needed" }
    let needed = core.keysNeeded().keys
    for (node, key) in keysOnDisk {
      if key != project.kms?.keyID { return "\(node.name) has a keystore under \(key)" }
      let isListed =
        needed.first { CustomerKey.isSame($0.keyID, key) }?.dependents.contains { $0.subject == node.name.text } == true
      if !isListed { return "the ledger does not know that \(node.name) needs \(key)" }
    }
    for key in needed {
      for dependent in key.dependents where dependent.kind == .node {
        // Of a machine that is gone the ledger says what it had last.
        if nodes.contains(where: { $0.isAway && $0.name.text == dependent.subject }) { continue }
        if !keysOnDisk.contains(where: {
          $0.node.name.text == dependent.subject && CustomerKey.isSame($0.key, key.keyID)
        }) {
          return "the ledger says that \(dependent) needs \(key.keyID)"
        }
      }
    }
    return nil
  }
}
