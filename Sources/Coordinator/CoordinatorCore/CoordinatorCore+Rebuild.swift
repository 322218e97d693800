// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A coordinator whose store is lost and of which there is no copy: an operator enrolls the nodes anew, each says whom
/// it belongs to, and what a majority of a shard says is made again, by the operator's word.
///
/// A node that belongs to something this store does not know is told nothing at all: no assignment, no command and no
/// list of addresses, which could let somebody in who was kept out. So nothing that it has is touched before the
/// operator decides.
///
/// Keystores are not believed by that. A process is adopted that serves and that a majority of its shard's members was
/// told to be the node's, by the coordinator that is lost: that one had judged its keystore. What was started since,
/// from whatever disk, or beside the one that has the node's place, is another process and has to be approved by
/// itself, as after a restore. Agents that kept nobody's process are known by the epoch they follow.
extension CoordinatorCore {
  /// A cluster as its nodes report it.
  private struct Found {
    var claim: MembershipReport
    /// The members that were heard and say the same, without the one that joins.
    var witnesses: Set<NodeName>
    /// The process that a majority of the members was told to be a node's.
    var boots: [NodeName: BootDigest]
    /// Whether any of them was told of processes at all; older agents kept none.
    var keepsBoots: Bool
    /// Somebody else who was heard says what can't be true beside it.
    var disagrees: Bool
    /// A node that another cluster's nodes count as theirs, and that cluster.
    var disputed: (node: NodeName, by: ClusterName)?

    /// Those that belong to the cluster, without the one that joins.
    var settled: [NodeName] { claim.members.filter { $0 != claim.joining } }
    var hasMajority: Bool { witnesses.count > settled.count / 2 }
  }

  /// What has to be the same word for word where nodes are to agree; a version only says how new it is.
  private struct Word: Hashable {
    var project: ProjectName
    var members: Set<NodeName>
    var joining: NodeName?
    var running: Bool

    init(_ claim: MembershipReport) {
      (project, members, joining, running) = (claim.project, Set(claim.members), claim.joining, claim.running)
    }
  }

  /// What a node says of whom it belongs to.
  typealias Claim = (node: NodeName, word: MembershipReport)

  /// What nodes report that this store does not know, and what hinders to make it again.
  public func rebuildView(now: Instant) -> RebuildView {
    RebuildView(
      clusters: found(now: now).map { found in
        RebuildView.Cluster(
          cluster: found.claim.cluster, project: found.claim.project,
          members: found.claim.members.map { member($0, of: found, now: now) }, hindrance: hindrance(to: found))
      }, isDone: false)
  }

  /// Makes projects and clusters again; what is hindered stays as it is.
  ///
  /// Throws `CoordinatorError` if there is nothing that could be made again.
  public mutating func rebuild(by admin: OperatorName, now: Instant) throws(CoordinatorError) -> Decision<RebuildView> {
    var view = rebuildView(now: now)
    let ready = found(now: now).filter { hindrance(to: $0) == nil }
    guard !ready.isEmpty else {
      let hindrances = view.clusters.map { "\($0.cluster): \($0.hindrance ?? "")" }.joined(separator: " ")
      throw CoordinatorError(
        .refused, "Nothing was rebuilt.",
        why: hindrances.isEmpty ? "No node reports a cluster that this coordinator does not know." : hindrances,
        next: "Enroll the nodes under their names, each with its own key: keyfold node enroll NODE --key KEY")
    }
    let strangers = ready.flatMap { found in found.claim.members.filter { !isKnownProcess($0, of: found, now: now) } }
    // Each is looked at again: what was made before it may stand against it.
    for found in ready where hindrance(to: found) == nil { rebuild(found, by: admin, now: now) }
    view.isDone = true
    for node in ready.flatMap(\.claim.members) where !strangers.contains(node) && nodeRecords[node]?.isAhead == true {
      acceptKeystore(of: node, command: "coordinator rebuild", by: admin, now: now)
    }
    if restoration != nil || isAuditContradicted {
      let rest = found(now: now).flatMap { found in found.claim.members.filter { found.boots[$0] != nil } }
      return Decision(
        view, try adopt(withoutMajority: false, except: Set(strangers + rest), by: admin, now: now).directives)
    }
    for found in ready { advance(found.claim.cluster, now: now) }
    return Decision(view, flush())
  }

  /// Whether the process that has a node's place is the one that the lost coordinator knew, and has its keystore open.
  private func isKnownProcess(_ node: NodeName, of found: Found, now: Instant) -> Bool {
    guard nodeRecords[node]?.revokedAt == nil, let contact = contacts[node], contact.isHeard(now: now),
      contact.helloAt != nil, let report = contact.report
    else { return false }
    if let boot = found.boots[node] { return boot.matches(report.boot) && report.phase == .serving }
    return !found.keepsBoots && restoration != nil && isProvenAhead(node, now: now)
  }

  private mutating func rebuild(_ found: Found, by admin: OperatorName, now: Instant) {
    let claim = found.claim
    var project = projectRecords[claim.project] ?? ProjectRecord(name: claim.project, owners: [], createdAt: now)
    // Versions go on rising: what nodes saw under an older number is not taken for what they will see under a new one.
    if project.kms == nil { project.settingsVersion = max(project.settingsVersion, claim.settingsVersion) }
    if project.accessList == nil, let ranges = claim.access {
      project.accessList = ranges.map {
        AccessRecord(range: $0, comment: "reported by nodes", addedAt: now, lifetimeMilliseconds: nil)
      }
    }
    if projectRecords[claim.project] == nil, var known = operatorRecords[admin] {
      known.roles = known.roles ?? OperatorRoles(.member)
      known.roles?.projects[claim.project.text] = .projectOwner
      put(known)
    }
    put(project)
    var cluster = ClusterRecord(name: claim.cluster, project: claim.project, nodes: found.settled, createdAt: now)
    cluster.running = claim.running
    let kinds = found.settled.compactMap { contacts[$0]?.report?.generation?.encrypted }
    cluster.encryptionWanted = kinds.contains(true)
    cluster.encrypted = !kinds.isEmpty && kinds.allSatisfy(\.self)
    for node in claim.members {
      guard var record = nodeRecords[node] else { continue }
      record.cluster = claim.cluster
      record.intendedCluster = claim.cluster
      put(record)
    }
    put(cluster)
    var joins = ""
    if let joining = claim.joining {
      // Who was about to join goes on with that, as a plan of its own that can be taken back.
      _ = planToAdd(joining, to: cluster, deadline: CoordinatorLimits.addNodeDeadline, now: now)
      joins = "; \(joining) joins it"
    }
    audit(
      "coordinator rebuild", by: admin, on: claim.cluster.text,
      "project \(claim.project), nodes \(found.settled.map(\.text).joined(separator: ", ")); "
        + "as \(found.witnesses.count) of them report\(joins)", now: now)
    refreshAddresses(now: now)
  }

  // MARK: What nodes report

  /// Whether a node holds data of something that this store does not know.
  func isStranded(_ node: NodeName) -> Bool {
    guard nodeRecords[node]?.cluster == nil, let report = contacts[node]?.report else { return false }
    return report.membership != nil && report.generation != nil
  }

  private func found(now: Instant) -> [Found] {
    let claims: [Claim] = nodes.filter { $0.revokedAt == nil && isStranded($0.name) && isHeard($0.name, now: now) }
      .compactMap { node in contacts[node.name]?.report?.membership.map { (node.name, $0) } }
    var found = Dictionary(grouping: claims) { $0.word.cluster }.values.compactMap { Self.found(in: $0) }
    for index in found.indices {
      for other in found where other.hasMajority && other.claim.cluster != found[index].claim.cluster {
        guard let node = found[index].claim.members.first(where: { other.claim.members.contains($0) }) else { continue }
        found[index].disputed = (node, other.claim.cluster)
      }
    }
    return found.sorted { $0.claim.cluster < $1.claim.cluster }
  }

  /// What the nodes that name one cluster say of it: the newest word of which a majority of the members it names says
  /// exactly that. A member that was away while another joined or left knows an older one, and is outvoted; so is one
  /// that names itself alone.
  private static func found(in said: [Claim]) -> Found? {
    let claims = reconciled(said)
    let words = Dictionary(grouping: claims) { Word($0.word) }.compactMap { word, same -> Found? in
      guard var claim = same.max(by: { ($0.word.version, $0.node) < ($1.word.version, $1.node) })?.word else {
        return nil
      }
      let witnesses = same.filter { word.members.contains($0.node) && $0.node != word.joining }
      let settled = claim.members.count { $0 != word.joining }
      claim.access = access(of: witnesses, amongst: settled)
      claim.settingsVersion =
        witnesses.map(\.word.settingsVersion).filter { $0 < CoordinatorLimits.furthestAssignment }.max() ?? 0
      let disagrees = claims.contains { other in
        other.word.project != claim.project || !word.members.contains(other.node)
          || other.word.version == claim.version && Word(other.word) != word
      }
      return Found(
        claim: claim, witnesses: Set(witnesses.map(\.node)), boots: boots(by: witnesses, amongst: settled),
        keepsBoots: witnesses.contains { $0.word.boots != nil }, disagrees: disagrees)
    }
    return words.max { rank($0) < rank($1) }
  }

  private static func rank(_ found: Found) -> (Int, Int, UInt64) {
    (found.hasMajority ? 1 : 0, found.disagrees ? 0 : 1, found.claim.version)
  }

  /// The process that each node's place belongs to, as far as a majority was told the same of it.
  private static func boots(by witnesses: [Claim], amongst members: Int) -> [NodeName: BootDigest] {
    var told: [NodeName: [BootDigest: Int]] = [:]
    for (node, boot) in witnesses.flatMap({ $0.word.boots.map(Array.init) ?? [] }) {
      told[node, default: [:]][boot, default: 0] += 1
    }
    return told.compactMapValues { $0.first { $0.value > members / 2 }?.key }
  }

  /// The access list as a majority knows it; else only what everybody knows who knows of a list, so that no network is
  /// let in again which was removed while a node was away.
  private static func access(of witnesses: [Claim], amongst members: Int) -> [IPRange]? {
    let known = Dictionary(grouping: witnesses) { $0.word.access.map(Set.init) }
    if let agreed = known.values.first(where: { $0.count > members / 2 }) { return agreed.first?.word.access }
    let lists = witnesses.compactMap(\.word.access)
    guard let first = lists.first else { return nil }
    return first.filter { range in lists.allSatisfy { $0.contains(range) } }
  }

  private func hindrance(to found: Found) -> String? {
    let claim = found.claim
    if clusterRecords[claim.cluster] != nil { return "a cluster of this name is there already" }
    if found.disagrees { return "its nodes contradict one another on whom it belongs to" }
    if !found.hasMajority {
      return "a majority of its members has to say the same: \(found.witnesses.count) of \(claim.members.count) did"
    }
    if Set(claim.members).count != claim.members.count { return "its nodes name a member twice" }
    if let joining = claim.joining, !claim.members.contains(joining) {
      return "its nodes say that \(joining) joins it, and do not name it"
    }
    if let (node, other) = found.disputed {
      return "\(node) is a member of cluster \(other) too, as its nodes say; stop the agents that are wrong"
    }
    if let kms = projectRecords[claim.project]?.kms, let key = otherKey(than: kms.keyID, amongst: claim.members) {
      return "the KMS settings of project \(claim.project) name another key than its data is under, \(key): "
        + "keyfold kms set \(claim.project)"
    }
    for node in claim.members {
      guard let record = nodeRecords[node] else {
        return "\(node) is not enrolled: keyfold node enroll \(node) --cluster \(claim.cluster) --key KEY"
      }
      if let other = record.cluster { return "\(node) belongs to cluster \(other)" }
      if let other = record.intendedCluster, other != claim.cluster {
        return "\(node) is enrolled for cluster \(other)"
      }
      if let owner = record.project, owner != claim.project { return "\(node) is enrolled for project \(owner)" }
    }
    return nil
  }

  private func member(_ node: NodeName, of found: Found, now: Instant) -> RebuildView.Member {
    let record = nodeRecords[node]
    let report = isHeard(node, now: now) && record?.revokedAt == nil ? contacts[node]?.report : nil
    var state = report?.phase.name ?? "not heard of"
    if record == nil { state = "not enrolled" }
    if record?.revokedAt != nil { state = "its key was revoked" }
    if report?.generation?.encrypted == true, !isKnownProcess(node, of: found, now: now) { state += ", to be approved" }
    if found.claim.joining == node { state += ", joins" }
    return RebuildView.Member(
      node: node, state: state, keystoreVersion: report?.generation?.keystoreVersion ?? 0,
      masterKeyCheckValue: report?.generation?.masterKeyCheckValue, customerKeyID: report?.generation?.customerKeyID)
  }

  // MARK: The customer's key

  /// Throws if a project has no settings, as after a rebuild, and these name another key than its data is under: nodes
  /// that start could not open, and nothing could be put under the new key.
  func checkKeyOfData(in project: ProjectRecord, _ settings: KMSSettings) throws(CoordinatorError) {
    guard project.kms == nil,
      let key = otherKey(than: settings.keyID, amongst: clusters(of: project.name).flatMap(\.nodes))
    else { return }
    throw CoordinatorError(
      .refused, "The KMS settings of project \(project.name) were not set.", why: "Its data is under the key \(key).",
      next: "Name that key first; it can be changed for another after that.")
  }
  /// A key that data of these nodes is under, if none is under `key`. During a change of key some are under either, and
  /// each of the two may be named.
  private func otherKey(than key: String, amongst nodes: [NodeName]) -> String? {
    let held = nodes.compactMap { node -> String? in
      let generation = contacts[node]?.report?.generation ?? nodeRecords[node]?.generation
      return generation?.encrypted == true ? generation?.customerKeyID : nil
    }
    return held.contains { CustomerKey.isSame($0, key) } ? nil : held.first
  }
}
