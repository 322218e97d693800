// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

extension CoordinatorCore {
  /// Admits a node; the same node with the same key twice changes nothing but the cluster and project it is meant for.
  ///
  /// Throws `CoordinatorError` if the key is none, belongs to somebody else, the node has another key already, or the
  /// cluster is of another project.
  public mutating func enrollNode(
    _ name: NodeName, cluster: ClusterName?, project: ProjectName? = nil, publicKey: String, now: Instant
  ) throws(CoordinatorError) -> Decision<NodeRecord> {
    let node = try enroll(name, cluster: cluster, project: project, publicKey: publicKey, now: now)
    return Decision(node, flush())
  }

  mutating func enroll(
    _ name: NodeName, cluster: ClusterName?, project: ProjectName?, publicKey: String, now: Instant
  ) throws(CoordinatorError) -> NodeRecord {
    try Self.check(publicKey: publicKey)
    let owner = try owner(of: name, cluster: cluster, project: project)
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
      return try reenroll(known, cluster: cluster, owner: owner)
    }
    try checkUnused(publicKey: publicKey, by: "node \(name)")
    guard nodeRecords.count < CoordinatorLimits.maximumNodes else {
      throw CoordinatorError(.refused, "There are \(CoordinatorLimits.maximumNodes) nodes, the most allowed.")
    }
    var node = NodeRecord(name: name, publicKey: publicKey, enrolledAt: now, intendedCluster: cluster)
    node.project = owner
    put(node)
    contacts[name] = Contact(report: nil)
    sends.append(.allowListChanged)
    return node
  }

  private mutating func reenroll(
    _ known: NodeRecord, cluster: ClusterName?, owner: ProjectName?
  ) throws(CoordinatorError) -> NodeRecord {
    var node = known
    if let present = known.cluster {
      if let cluster, cluster != present {
        throw CoordinatorError(
          .refused, "Node \(known.name) was not moved to cluster \(cluster).",
          why: "It belongs to cluster \(present).", next: "Enroll another node for \(cluster).")
      }
      if let owner, owner != clusterRecords[present]?.project {
        throw CoordinatorError(
          .refused, "Node \(known.name) was not moved to project \(owner).", why: "It belongs to cluster \(present).",
          next: "Take it out first: keyfold cluster remove-node \(present) \(known.name) --confirm")
      }
    } else if let cluster {
      node.intendedCluster = cluster
    } else if let owner, let meant = node.intendedCluster.flatMap({ clusterRecords[$0]?.project }), meant != owner {
      node.intendedCluster = nil
    }
    if let owner { node.project = owner }
    put(node)
    return node
  }

  /// The project that a node is enrolled for: the one that is named, else that of its cluster if there is one already.
  func owner(
    of node: NodeName, cluster: ClusterName?, project: ProjectName?
  ) throws(CoordinatorError) -> ProjectName? {
    let present = cluster.flatMap { clusterRecords[$0]?.project }
    guard let project else { return present }
    _ = try self.project(project)
    guard let cluster, let present, present != project else { return project }
    throw CoordinatorError(
      .conflict, "Node \(node) was not enrolled.",
      why: "Cluster \(cluster) belongs to project \(present), not to \(project).", next: "Name one of the two.")
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
    let reserved = nodeRecords.values.filter {
      $0.intendedCluster == name && $0.cluster == nil && ($0.project ?? project) == project
    }.map(\.name).sorted()
    let nodes = named.isEmpty ? reserved : named
    let most = clusterClass.features.maximumNodes
    guard (1...most).contains(nodes.count), Set(nodes).count == nodes.count else {
      throw CoordinatorError(
        .invalid, "Cluster \(name) was not made.",
        why: "nodes: a cluster of class \(clusterClass.rawValue) has 1 to \(most) different nodes, not \(nodes.count).",
        next: "Enroll nodes with: keyfold node enroll NODE --cluster \(name) --key KEY")
    }
    for node in nodes { try checkUsable(node, for: name, of: project) }
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
    _ node: NodeName, for cluster: ClusterName, of project: ProjectName? = nil, refusal: String? = nil
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
    if let owner = record.project, owner != project ?? clusterRecords[cluster]?.project {
      // Whose it is, is not told to whoever has no part in that project.
      throw CoordinatorError(
        .refused, refusal, why: "Node \(node) belongs to another project.",
        next: "Name another node, or ask an org owner to enroll it for this one.")
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
