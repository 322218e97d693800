// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// The ledger: which customer key something still depends on, and what. Read from records and reports, so that it can't
/// say anything else than they do.
extension CoordinatorCore {
  /// Every customer key that is known, with what depends on it. Replicas of a multi-Region key are one key: whatever is
  /// under one of them any other opens, with the settings of whichever was named last.
  public func keysNeeded() -> KeysNeededView {
    var ids: Set<String> = []
    for project in projects {
      if let key = project.kms?.keyID { ids.insert(key) }
      ids.formUnion((project.formerKeys ?? []).map(\.keyID))
    }
    for node in nodes { ids.formUnion(keysHeld(by: node.name).map(\.key)) }
    let keys = Dictionary(grouping: ids) { CustomerKey.identity(of: $0) }.values.map { need(of: $0.sorted()) }
    return KeysNeededView(keys: keys.sorted { $0.keyID < $1.keyID })
  }

  /// Confirms that a former key can be deleted: its settings and their secret are gone, and nothing depends on it.
  /// Throws `CoordinatorError` with all that does, or if no project ever used such a key.
  public mutating func retireKey(_ key: String, now: Instant) throws(CoordinatorError) -> Decision<KeyNeedView> {
    let what = "The key \(key) was not retired."
    guard let known = keysNeeded().keys.first(where: { CustomerKey.isSame($0.keyID, key) }) else {
      throw CoordinatorError(
        .notFound, what, why: "No project uses it, or has used it lately.",
        next: "See all with: keyfold keys needed")
    }
    for project in projects where project.formerKeys?.contains(where: { CustomerKey.isSame($0.keyID, key) }) == true {
      freeKeys(of: project.name, now: now)
    }
    let dependents = dependents(of: key)
    guard dependents.isEmpty else {
      throw CoordinatorError(
        .refused, what,
        why: "It is still needed by " + dependents.map(\.description).joined(separator: "; ") + ".",
        next: "Put them under another key with: keyfold kms set PROJECT …; then see: keyfold keys needed")
    }
    for var project in projects {
      for (index, former) in (project.formerKeys ?? []).enumerated() where CustomerKey.isSame(former.keyID, key) {
        project.formerKeys?[index].retiredAt = now
      }
      put(project)
    }
    return Decision(need(of: [known.keyID] + (known.replicas ?? [])), flush())
  }

  // MARK: What depends on a key

  /// What a node holds under some customer key: its live generation as recorded and as reported, and others beside it.
  func keysHeld(by node: NodeName) -> [(key: String, what: String)] {
    keysHeld(
      [nodeRecords[node]?.generation, contacts[node]?.report?.generation ?? nodeRecords[node]?.report?.generation],
      contacts[node]?.report?.otherGenerations ?? nodeRecords[node]?.report?.otherGenerations)
  }

  /// The same by its newest report alone.
  func keysReported(by node: NodeName) -> [(key: String, what: String)] {
    keysHeld([contacts[node]?.report?.generation], contacts[node]?.report?.otherGenerations)
  }

  private func keysHeld(
    _ live: [GenerationReport?], _ others: [GenerationReport]?
  ) -> [(key: String, what: String)] {
    var held: [(key: String, what: String)] = []
    func note(_ generation: GenerationReport?, _ what: String) {
      guard let generation, generation.encrypted, let key = generation.customerKeyID,
        !held.contains(where: { $0.key == key && $0.what.hasSuffix(generation.id.text) })
      else { return }
      held.append((key, "\(what) \(generation.id)"))
    }
    for generation in live { note(generation, "generation") }
    for other in others ?? [] { note(other, "copy or superseded generation") }
    return held
  }

  /// What still needs the settings of a former key of a project.
  func dependents(of former: FormerKeyRecord, in project: ProjectRecord) -> [KeyDependentView] {
    clusters(of: project.name).flatMap(\.everyone).sorted().flatMap { node in
      dependents(at: node, of: former.keyID, isAwaited: former.awaiting.contains(node))
    }
  }

  private func dependents(at node: NodeName, of key: String, isAwaited: Bool) -> [KeyDependentView] {
    let held = keysHeld(by: node).filter { CustomerKey.isSame($0.key, key) }
    if held.isEmpty, isAwaited {
      return [KeyDependentView(.node, node.text, "has not reported since the key was replaced")]
    }
    return held.map { KeyDependentView(.node, node.text, $0.key == key ? $0.what : "\($0.what), under \($0.key)") }
  }

  /// Everything that depends on a key: settings and canaries of projects, and what nodes hold.
  func dependents(of key: String) -> [KeyDependentView] {
    var found: [KeyDependentView] = []
    var awaited: Set<NodeName> = []
    for project in projects {
      if Self.isSame(project.kms?.keyID, key) {
        found.append(KeyDependentView(.settings, project.name.text, "settings in force"))
      }
      if Self.isSame(project.canary?.keyID, key) {
        found.append(KeyDependentView(.canary, project.name.text, "canary"))
      }
      for former in project.neededKeys where CustomerKey.isSame(former.keyID, key) {
        awaited.formUnion(Set(former.awaiting).intersection(clusters(of: project.name).flatMap(\.everyone)))
      }
    }
    return found + nodes.flatMap { dependents(of: key, atAny: $0, isAwaited: awaited.contains($0.name)) }
  }

  /// What a node has that belongs to no cluster was abandoned: nobody proves that it is gone, and an operator says that
  /// it is lost by revoking the node's identity.
  private func dependents(of key: String, atAny node: NodeRecord, isAwaited: Bool) -> [KeyDependentView] {
    let found = dependents(at: node.name, of: key, isAwaited: isAwaited)
    if node.cluster != nil { return found }
    if node.revokedAt != nil { return [] }
    return found.map {
      KeyDependentView(
        $0.kind, $0.subject, "abandoned with \($0.detail); if it is lost: keyfold node revoke \(node.name)")
    }
  }

  private static func isSame(_ one: String?, _ other: String) -> Bool {
    one.map { CustomerKey.isSame($0, other) } ?? false
  }

  /// One key, by the ids of those of its replicas that are named or held anywhere.
  private func need(of ids: [String]) -> KeyNeedView {
    let any = ids.first ?? ""
    let users = projects.filter { Self.isSame($0.kms?.keyID, any) }
    let formers = projects.filter { $0.formerKeys?.contains { CustomerKey.isSame($0.keyID, any) } == true }
    let records = formers.flatMap { ($0.formerKeys ?? []).filter { CustomerKey.isSame($0.keyID, any) } }
    // It goes by the replica that is in force, or was last.
    let named = users.compactMap(\.kms?.keyID) + records.sorted { $0.replacedAt > $1.replacedAt }.map(\.keyID)
    let key = named.first ?? any
    let dependents = dependents(of: key)
    let state: KeyNeedView.State =
      !users.isEmpty ? .inForce : dependents.isEmpty ? .notNeeded : records.isEmpty ? .unknown : .beingReplaced
    var view = KeyNeedView(keyID: key, state: state, dependents: dependents)
    view.replicas = ids.count > 1 ? ids.filter { $0 != key } : nil
    view.projects = Set((users + formers).map(\.name)).sorted()
    view.replacedAt = records.map(\.replacedAt).max().map { OperatorTime(milliseconds: $0.milliseconds) }
    if dependents.isEmpty {
      view.freedAt = records.compactMap(\.freedAt).max().map { OperatorTime(milliseconds: $0.milliseconds) }
    }
    view.retiredAt = records.compactMap(\.retiredAt).max().map { OperatorTime(milliseconds: $0.milliseconds) }
    return view
  }

  // MARK: What is said of a change under way

  /// The keys of a project that were replaced and are still needed, as an operator sees them.
  func formerKeyViews(of project: ProjectRecord) -> [FormerKeyView]? {
    let views = project.neededKeys.map { former in
      FormerKeyView(
        keyID: former.keyID, replacedAt: OperatorTime(milliseconds: former.replacedAt.milliseconds),
        lastCheck: former.lastCheck.map { Self.view(of: $0) },
        neededBy: dependents(of: former, in: project).map(\.description))
    }
    return views.isEmpty ? nil : views
  }

  /// What is said of a cluster whose nodes have not all left a former key, nil if they have.
  func keyChangeText(of cluster: ClusterRecord) -> String? {
    guard let project = projectRecords[cluster.project] else { return nil }
    for former in project.neededKeys {
      let nodes = cluster.everyone.filter { node in
        !dependents(at: node, of: former.keyID, isAwaited: former.awaiting.contains(node)).isEmpty
      }
      if nodes.isEmpty { continue }
      return "rotation in progress, do not disable the old key: \(former.keyID) is still needed by "
        + nodes.sorted().map(\.text).joined(separator: ", ")
    }
    return nil
  }
}
