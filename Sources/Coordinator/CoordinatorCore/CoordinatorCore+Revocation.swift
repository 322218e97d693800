// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Whose keys are let in, and whose are refused for good.
extension CoordinatorCore {
  /// Adds an operator's public key, with no role in any project; the same key twice changes nothing.
  ///
  /// Throws `CoordinatorError` if the key is none, or belongs or belonged to somebody else, or the name is taken.
  public mutating func addOperator(
    _ name: OperatorName, publicKey: String, role: OperatorRole = .member, now: Instant
  ) throws(CoordinatorError) -> Decision<Void> {
    try Self.check(publicKey: publicKey)
    if let known = operatorRecords[name] {
      guard known.revokedAt == nil else {
        throw CoordinatorError(
          .refused, "Operator \(name) was not added.", why: "An operator of this name was removed, for good.",
          next: "Add the operator under another name, with a new key.")
      }
      guard known.publicKey == publicKey else {
        throw CoordinatorError(.alreadyExists, "Operator \(name) exists already with another key.")
      }
      return Decision((), [])
    }
    try checkUnused(publicKey: publicKey, by: "operator \(name)")
    guard operatorRecords.count < CoordinatorLimits.maximumOperators else {
      throw CoordinatorError(
        .refused, "There are \(CoordinatorLimits.maximumOperators) operators, removed ones included, the most allowed.")
    }
    put(OperatorRecord(name: name, publicKey: publicKey, addedAt: now, roles: OperatorRoles(role)))
    sends.append(.allowListChanged)
    return Decision((), flush())
  }

  /// Refuses an operator's key for good; throws `CoordinatorError` if there is no such operator, or no other
  /// org owner.
  public mutating func removeOperator(_ name: OperatorName, now: Instant) throws(CoordinatorError) -> Decision<Void> {
    guard var known = operatorRecords[name] else {
      throw CoordinatorError(.notFound, "There is no operator \(name).", next: "See all with: keyfold operator list")
    }
    guard known.revokedAt == nil else { return Decision((), []) }
    try checkNotLastOrgOwner(known, "Operator \(name) was not removed.")
    known.revokedAt = now
    put(known)
    sends.append(.allowListChanged)
    return Decision((), flush())
  }

  /// Refuses a node's key for good: the coordinator tells it nothing and hears nothing of it, nor do its peers. In its
  /// shard it counts as a member that is down. Throws `CoordinatorError` if the node is unknown.
  public mutating func revokeNode(_ name: NodeName, now: Instant) throws(CoordinatorError) -> Decision<NodeRecord> {
    var record = try node(named: name)
    guard record.revokedAt == nil else { return Decision(record, []) }
    record.revokedAt = now
    put(record)
    sends.append(.allowListChanged)
    if let cluster = record.cluster {
      staleAssignments.insert(cluster)
      advance(cluster, now: now)
    }
    return Decision(record, flush())
  }

  /// All operators as one of them sees them.
  public var operatorViews: [OperatorView] {
    operators.map { known in
      var view = OperatorView(
        name: known.name, publicKey: known.publicKey,
        addedAt: OperatorTime(milliseconds: known.addedAt.milliseconds),
        removedAt: known.revokedAt.map { OperatorTime(milliseconds: $0.milliseconds) })
      view.role = known.roles?.installation
      view.projects = known.memberships
      return view
    }
  }

  /// The key by which a node's peers let it in: none once it was revoked.
  func admittedKey(of node: NodeName) -> String {
    nodeRecords[node].flatMap { $0.revokedAt == nil ? $0.publicKey : nil } ?? ""
  }

  mutating func put(_ known: OperatorRecord) {
    operatorRecords[known.name] = known
    dirty.insert(RecordKey(kind: .operatorKey, id: known.name.text))
  }
}
