// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What the core knows, for its shell.
extension CoordinatorCore {
  /// All projects by name.
  public var projects: [ProjectRecord] { projectRecords.values.sorted { $0.name < $1.name } }
  /// All clusters by name.
  public var clusters: [ClusterRecord] { clusterRecords.values.sorted { $0.name < $1.name } }
  /// All enrolled nodes by name.
  public var nodes: [NodeRecord] { nodeRecords.values.sorted { $0.name < $1.name } }
  /// All plans that are remembered, newest first.
  public var plans: [PlanRecord] { planRecords.values.sorted { $0.sequence > $1.sequence } }
  /// All alerts that are remembered, newest first.
  public var alerts: [AlertRecord] { alertRecords.values.sorted { ($0.openedAt, $0.id) > ($1.openedAt, $1.id) } }
  /// All operators by name.
  public var operators: [OperatorRecord] { operatorRecords.values.sorted { $0.name < $1.name } }
  /// The IP list as it stands.
  public var ipList: IPList { addresses }

  /// Every key that may complete a handshake, by its Z85 text; hand it to the ZAP handler.
  public var allowList: [String: AllowedPeer] {
    var allowed: [String: AllowedPeer] = [:]
    for node in nodeRecords.values where node.revokedAt == nil { allowed[node.publicKey] = .node(node.name) }
    for known in operatorRecords.values where known.revokedAt == nil {
      allowed[known.publicKey] = .operatorKey(known.name)
    }
    for token in tokenRecords.values where token.isHeard { allowed[token.publicKey] = .applicant(token.publicKey) }
    return allowed
  }

  /// Every key that was let in once and is refused for good; its owner is told so.
  public var revokedKeys: Set<String> {
    Set(nodeRecords.values.filter { $0.revokedAt != nil }.map(\.publicKey))
      .union(operatorRecords.values.filter { $0.revokedAt != nil }.map(\.publicKey))
      .union(tokenRecords.values.filter { !$0.isHeard }.map(\.publicKey))
  }

  /// The project's record; throws `CoordinatorError` if there is none.
  public func project(named name: ProjectName) throws(CoordinatorError) -> ProjectRecord { try project(name) }

  /// The cluster's record; throws `CoordinatorError` if there is none.
  public func cluster(named name: ClusterName) throws(CoordinatorError) -> ClusterRecord { try cluster(name) }

  /// The node's record; throws `CoordinatorError` if there is none.
  public func node(named name: NodeName) throws(CoordinatorError) -> NodeRecord {
    guard let node = nodeRecords[name] else {
      throw CoordinatorError(.notFound, "There is no node \(name).", next: "See all with: keyfold node list")
    }
    return node
  }

  /// The plan whose id begins with `text`; throws `CoordinatorError` if none does or several do.
  public func plan(named text: String) throws(CoordinatorError) -> PlanRecord {
    let found = text.isEmpty ? [] : planRecords.values.filter { $0.id.text.hasPrefix(text.lowercased()) }
    guard let plan = found.first else {
      throw CoordinatorError(
        .notFound, "There is no plan \(Self.bounded(text)).", next: "See all with: keyfold plan list")
    }
    guard found.count == 1 else {
      throw CoordinatorError(
        .invalid, "\(found.count) plans begin with \(Self.bounded(text)).", next: "Name more of the id.")
    }
    return plan
  }

  /// The newest report of a node, from this life of the coordinator or stored; nil if there never was one.
  public func report(of node: NodeName) -> NodeReport? { contacts[node]?.report }

  /// When a node was heard last in this life of the coordinator, nil if not yet.
  public func lastHeard(_ node: NodeName) -> Instant? { contacts[node]?.heardAt }

  /// Whether a node's link is up and it was heard of within the limit of silence.
  public func isHeard(_ node: NodeName, now: Instant) -> Bool { contacts[node]?.isHeard(now: now) ?? false }

  /// The nodes that have to prove new settings, of whatever key: they hold encrypted data, may open it, are heard, and
  /// have been told whom they belong to; one that is just starting is as good as away.
  public func provers(of project: ProjectName, now: Instant) -> [NodeName] {
    clusters(of: project).flatMap(\.nodes).filter { node in
      nodeRecords[node]?.generation?.encrypted == true && nodeRecords[node]?.distrust == nil && isHeard(node, now: now)
        && contacts[node]?.report?.phase != .awaitingSettings
    }.sorted()
  }

  /// Whether any node of the project holds data under this key, reachable or not.
  public func holdsData(of project: ProjectName, under key: String) -> Bool {
    clusters(of: project).contains { isUnderKey($0, key) }
  }

  /// The project's canary if this key wrapped it, nil if there is none or another key did.
  public func canary(of project: ProjectName, wrappedBy key: String) -> WrappedMasterKey? {
    projectRecords[project]?.canary.flatMap { CustomerKey.isSame($0.keyID, key) ? $0 : nil }
  }

  /// The keys below a node's master key, as it reported them last.
  public func keys(of node: NodeName) -> [KeyReport] { keysRecords[node]?.keys ?? [] }

  /// Why an open plan does not go on, nil if it does.
  public func waitingReason(of plan: PlanID) -> String? { waiting[plan] }
}

/// Who is behind a public key.
public enum AllowedPeer: Sendable, Hashable {
  /// A node's agent.
  case node(NodeName)
  /// An operator.
  case operatorKey(OperatorName)
  /// Whoever holds the token with this public half, which opens one node's enrolment and nothing else.
  case applicant(String)
}
