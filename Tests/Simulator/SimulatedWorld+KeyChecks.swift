// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import CoordinatorCore

/// No node encrypts with a master key that is not recorded: looked at whenever a keystore is made, is put under another
/// key or goes live.
extension SimulatedWorld {
  /// A node made a master key: an order of the coordinator that was on disk before it was sent wanted that.
  func checkNewKey(_ key: MasterKeyID, of node: SimulatedNode) {
    let order = node.process?.core.runningWork.flatMap { askedActions[$0] }
    switch order?.action {
    case .rotateMasterKey, .resync(encrypted: true, _), .initialSync:
      guard order?.node == node.name else { break }
      orderedKeys[node.name, default: []].insert(key)
      return
    default: break
    }
    fail("\(node.name) encrypts under a master key that nobody ordered")
  }

  /// A keystore goes live: the coordinator's disk has its key, or the order that made it has.
  func checkLiveKey(_ key: MasterKeyID, of node: SimulatedNode) {
    if orderedKeys[node.name]?.contains(key) == true { return }
    if case .node(let record) = coordinator.records[RecordKey(kind: .node, id: node.name.text)],
      record.masterKeys.contains(where: { $0.id == key })
    {
      return
    }
    fail("\(node.name) goes live under a master key that is not recorded")
  }
}
