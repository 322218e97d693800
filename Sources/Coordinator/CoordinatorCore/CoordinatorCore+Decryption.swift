// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Turning encryption off.
///
/// To decrypt is the plan to encrypt the other way round: each node copies everything into a plain generation, destroys
/// the old keystore first and its files second. It works in an outage of the KMS as long as the nodes are up. While the
/// key is revoked it is refused: who took the key away wants the data closed, not plain. So the coordinator looks at
/// the key before it takes the order, and each node before it copies.
extension CoordinatorCore {
  /// Has the coordinator look at the keys that a cluster is under, with fresh credentials; answers the versions of the
  /// settings that are looked at. The order itself, `decryptCluster`, is given once all those looks have ended. Throws
  /// `CoordinatorError` if it would be refused whatever they say.
  public mutating func lookBeforeDecrypting(
    _ name: ClusterName, now: Instant
  ) throws(CoordinatorError) -> Decision<Set<UInt64>> {
    let cluster = try decryptable(name)
    guard projectRecords[cluster.project]?.kms != nil || !holdsEncrypted(cluster) else {
      throw CoordinatorError(
        .refused, "Cluster \(name) was not decrypted.",
        why: "Nobody can see whether its key is revoked: the project has no KMS settings.",
        next: "Set those of the key that the data is under: keyfold kms set \(cluster.project) …")
    }
    askCoordinator(cluster.project, renewing: true, now: now)
    let project = try self.project(cluster.project)
    let versions = project.keptSettings.filter { project.custody(settingsVersion: $0) != nil }
    return Decision(versions, flush())
  }

  /// Turns customer-key encryption off for a running cluster; an encryption under way is given up. Refused while
  /// anybody who looks at the key sees it revoked.
  public mutating func decryptCluster(_ name: ClusterName, now: Instant) throws(CoordinatorError) -> Decision<PlanID> {
    var cluster = try decryptable(name)
    if let reason = revocation(of: cluster, now: now) {
      throw CoordinatorError(
        .refused, "Cluster \(name) was not decrypted.",
        why: "While the key is revoked it can't be turned off: \(reason).",
        next: "Give the key back in the KMS, then: keyfold kms check \(cluster.project)")
    }
    cluster.encryptionWanted = false
    put(cluster)
    for kind in [PlanKind.encrypt, .rotateMasterKeys] {
      supersede(kind, on: name, by: "the cluster is to be decrypted", now: now)
    }
    return order(.decrypt, on: cluster, now: now)
  }

  /// The cluster, if it runs and anything of it is encrypted or to be.
  private func decryptable(_ name: ClusterName) throws(CoordinatorError) -> ClusterRecord {
    let cluster = try runningCluster(name, for: .decrypt)
    guard cluster.encryptionWanted || cluster.encrypted else {
      throw CoordinatorError(
        .refused, "Cluster \(name) is not encrypted.", next: "See it with: keyfold cluster show \(name)")
    }
    return cluster
  }

  /// Why nothing is copied in the clear now, whatever plan asks for it, while anything of a cluster is still encrypted.
  func hindranceToPlainCopy(in cluster: ClusterRecord, now: Instant) -> String? {
    guard !cluster.encryptionWanted, holdsEncrypted(cluster), let reason = revocation(of: cluster, now: now) else {
      return nil
    }
    return "nothing is copied in the clear: \(reason)"
  }

  private func holdsEncrypted(_ cluster: ClusterRecord) -> Bool {
    cluster.encrypted || cluster.nodes.contains { report(of: $0)?.generation?.encrypted == true }
  }

  /// What the coordinator's last checks say against the key in force, or a former one that a node of the cluster is
  /// still under; nil unless one is revoked.
  func ownRevocation(of cluster: ClusterRecord) -> String? {
    keysInUse(of: cluster).lazy.compactMap { _, own in
      guard case .revoked(let reason, let detail) = own?.verdict else { return nil }
      return "the key is revoked (\(reason.rawValue)): \(detail)"
    }.first
  }

  /// What anybody's look says against those keys: also what a node of the cluster sees now, whatever the others see. A
  /// revocation is over when a check finds the key valid, not when the KMS is out of reach.
  func revocation(of cluster: ClusterRecord, now: Instant) -> String? {
    guard let project = projectRecords[cluster.project] else { return nil }
    if let reason = ownRevocation(of: cluster) { return reason }
    for (key, own) in keysInUse(of: cluster) {
      guard let node = firstDissenter(among: cluster.nodes, of: project, on: key, own: own, now: now),
        case .revoked(let reason, let detail) = knownCheck(node, of: project.name)?.verdict
      else { continue }
      return "node \(node) sees it revoked (\(reason.rawValue)): \(detail)"
    }
    guard let sight = project.trouble?.revocation else { return nil }
    let witness = sight.by.map { "node \($0)" } ?? "the coordinator"
    return "\(witness) saw it revoked, and no check has found it valid since"
  }

  /// The key in force and former ones that a node of the cluster is still under, with the coordinator's last checks.
  private func keysInUse(of cluster: ClusterRecord) -> [(key: String, own: CheckReport?)] {
    guard let project = projectRecords[cluster.project] else { return [] }
    let formers = project.neededKeys.filter { isUnderKey(cluster, $0.keyID) }
    return (project.kms.map { [($0.keyID, project.lastCheck)] } ?? []) + formers.map { ($0.keyID, $0.lastCheck) }
  }
}
