// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Nodes under a customer key that the store knows no settings of: it was restored from a copy made before the key was
/// changed, and nodes serve under the newer one.
///
/// Which of the two keys is wanted, only an operator knows: the one of the copy may be retired since, on the ledger's
/// word. So nothing is put back under it by itself. Naming the nodes' key again is always allowed, once it is proven;
/// naming any other orders them under that one.
extension CoordinatorCore {
  /// Whether the store has settings of a key, or an operator has ordered nodes to leave it.
  private func isKnown(_ key: String, in project: ProjectRecord) -> Bool {
    let known = [project.kms?.keyID].compactMap(\.self) + project.neededKeys.map(\.keyID) + (project.leftKeys ?? [])
    return known.contains { CustomerKey.isSame($0, key) }
  }

  /// Whether a node that has said hello to this life of the coordinator says that its data is under a key.
  func isInUse(_ key: String, in project: ProjectName) -> Bool {
    clusters(of: project).flatMap(\.everyone).contains { node in
      guard contacts[node]?.helloAt != nil, let held = contacts[node]?.report?.generation?.customerKeyID else {
        return false
      }
      return CustomerKey.isSame(held, key)
    }
  }

  /// Whether a node's master key is to be put under the key in force: it is under another that is known.
  func isToBeRewrapped(_ node: NodeName, to kms: KMSSettings, in project: ProjectRecord) -> Bool {
    guard isUnderOtherKey(node, than: kms), let record = nodeRecords[node], let key = record.generation?.customerKeyID
    else { return false }
    // What is recorded of a node whose keystore is in doubt is not what it has: its step would be seen as done at once.
    if record.distrust != nil { return false }
    return isKnown(key, in: project)
  }

  /// The keys that a project's nodes are under and that its store will not know, with these settings in force; by
  /// naming them an operator orders the nodes to leave those keys. Nil before what a restored store holds was adopted.
  func keysToLeave(in project: ProjectRecord) -> [String]? {
    guard restoration == nil else { return nil }
    var project = project
    project.leftKeys = nil
    let held = clusters(of: project.name).flatMap(\.everyone).compactMap { node in
      (nodeRecords[node]?.generation ?? contacts[node]?.report?.generation)?.customerKeyID
    }
    let unknown = Set(held.filter { !isKnown($0, in: project) }).sorted()
    return unknown.isEmpty ? nil : unknown
  }

  /// Says which nodes of a cluster are under a key that is not known, as long as any is.
  mutating func watchUnknownKeys(of cluster: ClusterRecord, in project: ProjectRecord, now: Instant) {
    var found: [(node: NodeName, key: String)] = []
    for node in cluster.everyone.sorted() where contacts[node]?.helloAt != nil {
      // What is recorded of a node that is ahead of a restored store is the copy's.
      let live = restoration == nil ? nodeRecords[node]?.generation : contacts[node]?.report?.generation
      guard let key = live?.customerKeyID, !isKnown(key, in: project) else { continue }
      found.append((node, key))
    }
    guard let key = found.first?.key, let present = project.kms?.keyID else {
      return closeAlert(.keyUnknown, subject: cluster.name.text, now: now)
    }
    let nodes = found.filter { CustomerKey.isSame($0.key, key) }.map(\.node.text).joined(separator: ", ")
    openAlert(
      .keyUnknown, subject: cluster.name.text,
      text: "Of cluster \(cluster.name) \(nodes) "
        + "\(found.count == 1 ? "is" : "are") under the key \(key), of which the coordinator has no settings. What is "
        + "restarted can't open. Nothing is put back under \(present) by itself.",
      next: "Name that key again: keyfold kms set \(project.name) --key \(key) …; only if the nodes are to be put "
        + "under \(present), name that one, once the restored store is adopted", now: now)
  }
}
