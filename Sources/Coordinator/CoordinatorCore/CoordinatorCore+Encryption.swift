// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Which clusters use a key, how a conversion ends, and forgetting the key once nothing needs it.
extension CoordinatorCore {
  /// Forgets a project's KMS settings with their sealed secret; throws `CoordinatorError` while a cluster uses them.
  public mutating func removeKMS(
    _ name: ProjectName, now: Instant
  ) throws(CoordinatorError) -> Decision<ProjectRecord> {
    var project = try self.project(name)
    guard let settings = project.kms else {
      throw CoordinatorError(.refused, "Project \(name) has no KMS settings.")
    }
    let users = clusters(of: name).filter { usesKey($0) }.map(\.name.text)
    guard users.isEmpty else {
      throw CoordinatorError(
        .refused, "The KMS settings of project \(name) were not removed.",
        why: "Needed by: \(users.joined(separator: ", ")).",
        next: "Turn encryption off first: keyfold cluster decrypt \(users[0]) --confirm --wait")
    }
    project.kms = nil
    project.canary = nil
    project.lastCheck = nil
    project.trouble = nil
    // What is still on its way under the version before says nothing any more.
    project.settingsVersion &+= 1
    put(project)
    schedules[name] = nil
    audit("kms settings removed", on: name.text, "key \(settings.keyID)", now: now)
    for alert in alerts where alert.subject == name.text && alert.closedAt == nil && alert.kind.isAboutKey {
      closeAlert(alert.kind, subject: name.text, now: now)
    }
    advanceClusters(of: name, now: now)
    return Decision(project, flush())
  }

  /// Whether any data of a cluster is under a key, or is about to be.
  func usesKey(_ cluster: ClusterRecord) -> Bool {
    cluster.encryptionWanted || cluster.encrypted || cluster.lockout != nil
      || cluster.everyone.contains { nodeRecords[$0]?.generation?.encrypted == true }
  }

  /// Makes a plan where a node is plain or encrypted against what its cluster is to be: a command of a plan that was
  /// given up may arrive after everything else, and a restored store may know what is wanted and no plan for it.
  mutating func reconcileEncryption(_ cluster: ClusterRecord, now: Instant) {
    // A rotation waits for a node that is plain, and must not keep it so.
    guard cluster.running, openPlans(of: cluster.name).allSatisfy({ $0.kind == .rotateMasterKeys }) else { return }
    let strayed = cluster.nodes.filter { node in
      guard isServing(node, now: now), nodeRecords[node]?.distrust == nil,
        let generation = contacts[node]?.report?.generation
      else { return false }
      return generation.encrypted != cluster.encryptionWanted
    }
    guard !strayed.isEmpty, isSettled(cluster.name, now: now) else { return }
    let names = strayed.map(\.text).joined(separator: ", ")
    _ = addPlan(
      cluster.encryptionWanted ? .encrypt : .decrypt, on: cluster.name, steps: strayed.map { PlanStep(.resync, $0) },
      reason: "\(names): \(cluster.encryptionWanted ? "plain" : "encrypted"), unlike the cluster", now: now)
  }

  /// Whether a node was asked to turn this generation into the opposite of what is wanted now, by a plan that was given
  /// up since. Such an order may be on its way, or be carried out already without a report that shows it; only a newer
  /// generation proves that it comes to nothing, because it names the one it replaces.
  func mayStillTurn(_ node: NodeName, _ generation: GenerationID, in cluster: ClusterRecord) -> Bool {
    planRecords.values.contains { plan in
      plan.cluster == cluster.name
        && plan.steps.contains { step in
          guard step.node == node else { return false }
          switch step.command?.action {
          case .resync(let encrypted, let before): return before == generation && encrypted != cluster.encryptionWanted
          case .initialSync(let order):
            return order.replacing == generation && order.encrypted != cluster.encryptionWanted
          default: return false
          }
        }
    }
  }

  /// How a plan to encrypt or decrypt stands whose steps are done.
  enum Conversion {
    case done
    case more
    case wait(String)
  }

  /// Ends a plan to encrypt or decrypt only if every node is as wanted and nothing of before is left.
  mutating func convert(_ plan: PlanRecord, _ cluster: ClusterRecord, now: Instant) -> Conversion {
    let wanted = plan.kind == .encrypt
    for node in cluster.nodes {
      // One that was told to do the opposite before may still be at it.
      if let work = contacts[node]?.report?.work { return .wait("waiting for \(node): it is still \(work.stage)") }
    }
    for node in cluster.nodes where contacts[node]?.heardAt == nil {
      // What the store says of it may be older than what it has.
      return .wait(unheard(node, now: now) ?? "waiting for \(node)")
    }
    let others = cluster.nodes.filter { node in
      guard let generation = contacts[node]?.report?.generation, generation.encrypted == wanted else { return true }
      return mayStillTurn(node, generation.id, in: cluster)
    }
    if !others.isEmpty {
      var plan = plan
      plan.steps += others.map { PlanStep(.resync, $0) }
      put(plan)
      return .more
    }
    if let left = cluster.nodes.first(where: { contacts[$0]?.report?.supersededGenerations ?? 0 > 0 }) {
      return .wait("waiting for \(left): it has a superseded generation to destroy")
    }
    var cluster = cluster
    cluster.encrypted = wanted
    put(cluster)
    return .done
  }
}
