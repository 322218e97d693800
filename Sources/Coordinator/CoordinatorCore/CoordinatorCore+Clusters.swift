// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

extension CoordinatorCore {
  /// Admits a node; the same node with the same key twice changes nothing but the cluster it is meant for.
  ///
  /// Throws `CoordinatorError` if the key is none, belongs to somebody else, or the node has another key already.
  public mutating func enrollNode(
    _ name: NodeName, cluster: ClusterName?, publicKey: String, now: Instant
  ) throws(CoordinatorError) -> Decision<NodeRecord> {
    try Self.check(publicKey: publicKey)
    if let known = nodeRecords[name] {
      guard known.publicKey == publicKey else {
        throw CoordinatorError(
          .refused, "Node \(name) was not enrolled.", why: "It is enrolled already with another key.",
          next: "Enroll the new machine under a new name.")
      }
      guard known.revokedAt == nil else {
        throw CoordinatorError(
          .refused, "Node \(name) was not enrolled.", why: "Its key was revoked, for good.",
          next: "Make a new identity on it (keyfold-agent init) and enroll it under a new name.")
      }
      return try reenroll(known, cluster: cluster)
    }
    try checkUnused(publicKey: publicKey, by: "node \(name)")
    guard nodeRecords.count < CoordinatorLimits.maximumNodes else {
      throw CoordinatorError(.refused, "There are \(CoordinatorLimits.maximumNodes) nodes, the most allowed.")
    }
    let node = NodeRecord(name: name, publicKey: publicKey, enrolledAt: now, intendedCluster: cluster)
    put(node)
    contacts[name] = Contact(report: nil)
    sends.append(.allowListChanged)
    return Decision(node, flush())
  }

  private mutating func reenroll(
    _ known: NodeRecord, cluster: ClusterName?
  ) throws(CoordinatorError) -> Decision<NodeRecord> {
    guard let cluster, cluster != known.cluster, cluster != known.intendedCluster else { return Decision(known, []) }
    if let present = known.cluster {
      throw CoordinatorError(
        .refused, "Node \(known.name) was not moved to cluster \(cluster).", why: "It belongs to cluster \(present).",
        next: "Enroll another node for \(cluster).")
    }
    var node = known
    node.intendedCluster = cluster
    put(node)
    return Decision(node, flush())
  }

  /// Makes a cluster of enrolled, unused nodes and the plan that forms its shard; no names mean all enrolled for it.
  ///
  /// Throws `CoordinatorError` if the name is taken, the project unknown, or a node unknown, in use or not empty.
  public mutating func createCluster(
    _ name: ClusterName, project: ProjectName, nodes named: [NodeName], clusterClass: ClusterClass = .standard,
    now: Instant
  ) throws(CoordinatorError) -> Decision<PlanID> {
    guard clusterRecords[name] == nil else {
      throw CoordinatorError(
        .alreadyExists, "Cluster \(name) exists already.", next: "See it with: keyfold cluster show \(name)")
    }
    _ = try self.project(project)
    let reserved = nodeRecords.values.filter { $0.intendedCluster == name && $0.cluster == nil }.map(\.name).sorted()
    let nodes = named.isEmpty ? reserved : named
    let most = clusterClass.features.maximumNodes
    guard (1...most).contains(nodes.count), Set(nodes).count == nodes.count else {
      throw CoordinatorError(
        .invalid, "Cluster \(name) was not made.",
        why: "nodes: a cluster of class \(clusterClass.rawValue) has 1 to \(most) different nodes, not \(nodes.count).",
        next: "Enroll nodes with: keyfold node enroll NODE --cluster \(name) --key KEY")
    }
    for node in nodes { try checkUsable(node, for: name) }
    for node in nodes {
      guard var record = nodeRecords[node] else { continue }
      record.cluster = name
      record.intendedCluster = name
      put(record)
    }
    var cluster = ClusterRecord(name: name, project: project, nodes: nodes, createdAt: now)
    cluster.clusterClass = clusterClass
    put(cluster)
    // No other coordinator can have commanded it.
    taughtClusters.insert(name)
    let plan = addPlan(
      .create, on: name, steps: nodes.map { PlanStep(.formShard, $0) } + [PlanStep(.awaitPrimary)], now: now)
    refreshAddresses(now: now)
    advance(name, now: now)
    return Decision(plan, flush())
  }

  /// The record of an enrolled node that is free and empty; throws `CoordinatorError` with why it can't be taken.
  @discardableResult
  func checkUsable(
    _ node: NodeName, for cluster: ClusterName, refusal: String? = nil
  ) throws(CoordinatorError) -> NodeRecord {
    let refusal = refusal ?? "Cluster \(cluster) was not made."
    guard let record = nodeRecords[node] else {
      throw CoordinatorError(
        .notFound, refusal, why: "There is no node \(node).",
        next: "Enroll it with: keyfold node enroll \(node) --cluster \(cluster) --key KEY")
    }
    guard record.revokedAt == nil else {
      throw CoordinatorError(
        .refused, refusal, why: "The key of node \(node) was revoked, for good.",
        next: "Make a new identity on it (keyfold-agent init) and enroll it under a new name.")
    }
    if let other = record.cluster ?? (record.intendedCluster == cluster ? nil : record.intendedCluster) {
      throw CoordinatorError(
        .conflict, refusal, why: "Node \(node) is for cluster \(other).",
        next: "Name another node.")
    }
    if let held = record.generation ?? contacts[node]?.report?.generation {
      throw CoordinatorError(
        .refused, refusal, why: "Node \(node) holds data already (generation \(held.id)).",
        next: "Start its agent with an empty data directory.")
    }
    return record
  }

  func cluster(_ name: ClusterName) throws(CoordinatorError) -> ClusterRecord {
    guard let cluster = clusterRecords[name] else {
      throw CoordinatorError(
        .notFound, "There is no cluster \(name).", next: "See all with: keyfold cluster list")
    }
    return cluster
  }
}
