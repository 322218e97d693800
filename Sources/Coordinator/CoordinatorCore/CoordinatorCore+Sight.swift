// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What of an answer an operator sees: org owners everything, others what is of their projects.
extension CoordinatorCore {
  /// The answer without what is of other projects. Exhaustive: a new kind of list has to be decided on here.
  public func visible(_ answer: OperatorAnswer, to name: OperatorName) -> OperatorAnswer {
    guard let known = operatorRecords[name] else { return .projects([]) }
    if known.isOrgOwner { return answer }
    let sight = Sight(core: self, known: known)
    switch answer {
    case .projects(let list): return .projects(list.filter { sight.sees($0.name) })
    case .clusters(let list): return .clusters(list.filter { sight.sees($0.project) })
    case .nodes(let list): return .nodes(list.filter { sight.sees($0.name) })
    case .plans(let list): return .plans(list.filter { sight.sees($0.cluster) })
    case .rotations(let list): return .rotations(list.filter { sight.sees($0.cluster) })
    case .alerts(let list): return .alerts(list.filter { sight.seesAll(named: $0.subject) })
    case .keysTree(let tree): return .keysTree(sight.part(of: tree))
    case .keysNeeded(let ledger): return .keysNeeded(sight.part(of: ledger))
    case .ipList(var view):
      view.list.nodes.removeAll { !sight.sees($0.cluster) }
      view.list.access?.removeAll { !sight.sees($0.project) }
      view.heldBy.removeAll { !sight.sees($0.node) }
      view.clusters?.removeAll { !sight.sees($0.cluster) }
      view.access?.removeAll { !sight.sees($0.project) }
      return .ipList(view)
    case .coordinator(var view):
      view.nodesAhead.removeAll { !sight.sees($0.node) }
      view.unlearned.removeAll { !sight.sees($0.cluster) }
      return .coordinator(view)
    case .operators(var list):
      for index in list.indices where list[index].name != name {
        list[index].projects?.removeAll { !sight.sees($0.project) }
      }
      return .operators(list)
    // About one project, cluster, node, plan or key that the command's own role was needed for.
    case .project, .kms, .node, .cluster, .clusterChange, .plan, .keyNeed, .users, .members, .tokens, .rebuild,
      .accessList,
      .audit,
      .recovery, .mail,
      .failure:
      return answer
    }
  }
}

/// What an operator who is no org owner sees.
private struct Sight {
  let core: CoordinatorCore
  let known: OperatorRecord

  func sees(_ project: ProjectName) -> Bool { known.role(in: project) != nil }

  func sees(_ cluster: ClusterName) -> Bool { core.clusterRecords[cluster].map { sees($0.project) } ?? false }

  func sees(_ node: NodeName) -> Bool {
    core.nodeRecords[node].flatMap { core.projectOfNode($0) }.map { sees($0) } ?? false
  }

  /// Whether everything that bears a name is seen: a project, a cluster and a node may have the same.
  func seesAll(named text: String) -> Bool {
    var seen: [Bool] = []
    if core.projectRecords[ProjectName(checked: text)] != nil { seen.append(sees(ProjectName(checked: text))) }
    if core.clusterRecords[ClusterName(checked: text)] != nil { seen.append(sees(ClusterName(checked: text))) }
    if core.nodeRecords[NodeName(checked: text)] != nil { seen.append(sees(NodeName(checked: text))) }
    return !seen.isEmpty && !seen.contains(false)
  }

  func part(of tree: KeysTreeView) -> KeysTreeView {
    var tree = tree
    tree.plainNodes.removeAll { !sees($0.cluster) }
    for index in tree.customerKeys.indices {
      tree.customerKeys[index].masterKeys.removeAll { !sees($0.cluster) }
      tree.customerKeys[index].projects.removeAll { !sees($0) }
      // What another project's check of the same key saw is that project's.
      tree.customerKeys[index].lastCheck = ownCheck(of: tree.customerKeys[index])
    }
    tree.customerKeys.removeAll { $0.masterKeys.isEmpty && $0.projects.isEmpty }
    return tree
  }

  /// What the checks of projects that are seen say of a key, in force there or still needed.
  private func ownCheck(of key: CustomerKeyView) -> CheckView? {
    let seen = core.projects.filter { sees($0.name) }
    let inForce = seen.first { key.projects.contains($0.name) }?.lastCheck
    let former = seen.lazy.flatMap(\.neededKeys).first { CustomerKey.isSame($0.keyID, key.keyID) }?.lastCheck
    return (inForce ?? former).map { CoordinatorCore.view(of: $0) }
  }

  func part(of ledger: KeysNeededView) -> KeysNeededView {
    var ledger = ledger
    for index in ledger.keys.indices {
      ledger.keys[index].projects.removeAll { !sees($0) }
      ledger.keys[index].dependents.removeAll { dependent in
        switch dependent.kind {
        case .node: !sees(NodeName(checked: dependent.subject))
        case .settings, .canary: !sees(ProjectName(checked: dependent.subject))
        }
      }
    }
    ledger.keys.removeAll { $0.projects.isEmpty && $0.dependents.isEmpty }
    return ledger
  }
}
