// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// From one customer key to another: new settings are in force at once and wrap whatever is made from then on; those of
/// the key before stay beside them until no node needs it.
///
/// What is left to do is read from what nodes report, never from what was ordered: a node that was away, or a copy that
/// was begun under the old key and ended late, is found under it and gets its turn.
extension CoordinatorCore {
  /// How many former keys are remembered after nothing needs them any more.
  static let freedKeysKept = 16

  /// Whether these settings would put another key in place of one that data or a wish depends on.
  func changesKey(of project: ProjectRecord, to settings: KMSSettings) -> Bool {
    guard let present = project.kms, !CustomerKey.isSame(present.keyID, settings.keyID) else { return false }
    return clusters(of: project.name).contains { cluster in
      cluster.encryptionWanted || cluster.everyone.contains { !keysHeld(by: $0).isEmpty }
    }
  }

  /// What the shell has to look at first when these settings would change the key: the settings and the canary of the
  /// key that is in force. Nil if they would not, nothing is under that key, or data is under the key they name.
  public func replaced(by settings: KMSSettings, in name: ProjectName) -> KMSReplacement? {
    guard let project = projectRecords[name], changesKey(of: project, to: settings), let kms = project.kms,
      let canary = project.canary, isAnything(of: name, under: kms.keyID), !isInUse(settings.keyID, in: name)
    else { return nil }
    return KMSReplacement(settings: kms, settingsVersion: project.settingsVersion, canary: canary)
  }

  /// Whether any node of a project holds something under a key. A node's own word in this life of the coordinator goes
  /// before what is recorded: the record may be from a copy of the store that was made before the key was changed.
  func isAnything(of project: ProjectName, under key: String) -> Bool {
    clusters(of: project).flatMap(\.everyone).contains { node in
      let isSaid = contacts[node]?.helloAt != nil
      let held = isSaid ? keysReported(by: node) : keysHeld(by: node)
      return held.contains { CustomerKey.isSame($0.key, key) }
    }
  }

  /// Throws if the key can't be replaced now: while a key is revoked nothing under it can be put under another.
  func checkKeyChange(of project: ProjectRecord, to settings: KMSSettings) throws(CoordinatorError) {
    guard changesKey(of: project, to: settings), let present = project.kms?.keyID else { return }
    let what = "The KMS settings of project \(project.name) were not changed."
    func refusal(_ key: String, _ why: String, _ next: String) -> CoordinatorError {
      CoordinatorError(
        .refused, what, why: "The key \(key) is revoked (\(why)), and while it is it can't be changed for another.",
        next: "\(next). Credentials, endpoint and region of the same key can be changed now.")
    }
    // The key that is to come into force was just proven; and a key that nothing is under holds nothing back.
    func holdsBack(_ key: String) -> Bool {
      !CustomerKey.isSame(key, settings.keyID) && isAnything(of: project.name, under: key)
    }
    let checks = [(present, project.lastCheck)] + project.neededKeys.map { ($0.keyID, $0.lastCheck) }
    // Nor does any where data is under the key they name already: what is under a revoked key stays locked out.
    let isInUse = isInUse(settings.keyID, in: project.name)
    for (key, check) in checks where !isInUse && holdsBack(key) {
      guard case .revoked(let reason, _) = check?.verdict else { continue }
      throw refusal(key, reason.rawValue, Self.advice(reason, project: project.name))
    }
    let lockouts = isInUse ? [] : clusters(of: project.name).compactMap(\.lockout)
    if let lockout = lockouts.first(where: { holdsBack($0.customerKeyID) }) {
      throw refusal(lockout.customerKeyID, lockout.reason, "Give the key back in the KMS")
    }
    guard project.neededKeys.count < FormerKMS.maximumCount else {
      throw CoordinatorError(
        .refused, what, why: "\(project.neededKeys.count) keys from before are still needed, the most allowed.",
        next: "See by what with: keyfold keys needed")
    }
  }

  /// Keeps the key that these settings take the place of for as long as something needs it.
  mutating func keepFormerKey(of project: inout ProjectRecord, replacedBy settings: KMSSettings, now: Instant) {
    var formers = project.formerKeys ?? []
    if let present = project.kms, changesKey(of: project, to: settings) {
      let nodes = clusters(of: project.name).flatMap(\.everyone).sorted()
      formers.append(FormerKeyRecord(present, of: project, awaiting: nodes, now: now))
      audit(
        "kms key replaced", on: project.name.text,
        "\(present.keyID) by \(settings.keyID); the old key is needed until every node has reported", now: now)
    }
    // A key that comes back is in force again, under these settings.
    formers.removeAll { CustomerKey.isSame($0.keyID, settings.keyID) }
    if project.formerKeys != nil || !formers.isEmpty { project.formerKeys = formers }
  }

  /// Changes that are under way lead to a key that is not wanted any more.
  mutating func supersedeKeyChanges(of project: ProjectName, now: Instant) {
    for cluster in clusters(of: project) {
      for plan in openPlans(of: cluster.name) where plan.kind.isKeyChange {
        end(plan.id, .superseded(reason: "the project's key was changed again"), now: now)
      }
    }
  }

  /// Makes the plan that puts what a cluster's nodes hold under the key in force, if something is under another. In a
  /// store that was restored the key in force may be one that was replaced since: an operator adopts what is first, and
  /// nothing is moved from a key of which there are no settings before one says so.
  mutating func planKeyChange(of name: ClusterName, now: Instant) {
    guard let cluster = clusterRecords[name], let project = projectRecords[cluster.project] else { return }
    watchUnknownKeys(of: cluster, in: project, now: now)
    guard restoration == nil, cluster.lockout == nil, let kms = project.kms,
      !openPlans(of: name).contains(where: { $0.kind.isKeyChange })
    else { return }
    let strayed = cluster.nodes.filter { isToBeRewrapped($0, to: kms, in: project) }
    guard let first = strayed.first, let old = nodeRecords[first]?.generation?.customerKeyID else { return }
    let isSameKey = strayed.allSatisfy { uses($0, key: kms.keyID) }
    let primary = primary(of: cluster, now: now)
    let order = strayed.filter { $0 != primary } + strayed.filter { $0 == primary }
    let kind: PlanKind = isSameKey ? .changeRegion : .changeCMK
    _ = addPlan(
      kind, on: name, steps: order.map { PlanStep(kind.work, $0) }, reason: "from \(old) to \(kms.keyID)", now: now)
  }

  /// Whether a node's live generation is under another key than these settings name, or under another replica of it.
  func isUnderOtherKey(_ node: NodeName, than kms: KMSSettings) -> Bool {
    guard let generation = nodeRecords[node]?.generation, generation.encrypted, let key = generation.customerKeyID
    else { return false }
    return key != kms.keyID
  }

  // MARK: The plan

  /// One node after another, whoever is ready; one that is away takes its turn when it returns.
  func moveOfKeyChange(_ plan: PlanRecord, _ pending: [Int], in cluster: ClusterRecord, now: Instant) -> PlanMove {
    let isBusy = plan.steps.contains { step in
      step.state == .running && step.node.map { isHeard($0, now: now) } == true
    }
    if isBusy { return .none }
    var reasons: [String] = []
    for index in pending {
      guard let reason = hindrance(to: plan.steps[index], in: cluster, now: now) else { return .begin([index]) }
      reasons.append(reason)
    }
    return reasons.first.map { .wait($0) } ?? .none
  }

  /// Why a node can't be asked to wrap its master key anew, although it is heard.
  func hindranceToRewrap(of node: NodeName, in cluster: ClusterRecord) -> String? {
    if let phase = contacts[node]?.report?.phase, phase != .serving {
      return "waiting for \(node): \(Self.words(phase))"
    }
    if contacts[node]?.report?.assignmentVersion ?? 0 < cluster.assignment?.version ?? 1 {
      return "waiting for \(node): it has not taken up its assignment yet"
    }
    return nil
  }

  /// Whether a report shows that a node's live generation is under the key in force, or under none.
  func isRewrapped(_ report: NodeReport, in cluster: ClusterRecord) -> Bool {
    guard let kms = projectRecords[cluster.project]?.kms else { return false }
    return report.generation.map { !$0.encrypted || $0.customerKeyID == kms.keyID } ?? true
  }

  // MARK: Who still needs a former key

  /// A node was heard: it needs no former key any more once it follows the present settings and nothing it holds is
  /// under one.
  mutating func noteKeys(of node: NodeName, now: Instant) {
    guard let name = nodeRecords[node]?.cluster, let cluster = clusterRecords[name],
      var project = projectRecords[cluster.project], !project.neededKeys.isEmpty,
      let wanted = cluster.assignment, wanted.settingsVersion == project.settingsVersion,
      let report = contacts[node]?.report, report.assignmentVersion >= wanted.version,
      contacts[node]?.isHeard(now: now) == true
    else { return }
    for index in (project.formerKeys ?? []).indices { project.formerKeys?[index].awaiting.removeAll { $0 == node } }
    put(project)
    freeKeys(of: project.name, now: now)
  }

  /// Lets go of the settings of former keys that nothing needs any more.
  mutating func freeKeys(of name: ProjectName, now: Instant) {
    guard var project = projectRecords[name] else { return }
    for (index, former) in (project.formerKeys ?? []).enumerated() where former.isNeeded {
      guard dependents(of: former, in: project).isEmpty else { continue }
      project.formerKeys?[index].settings = nil
      project.formerKeys?[index].canary = nil
      project.formerKeys?[index].lastCheck = nil
      project.formerKeys?[index].awaiting = []
      project.formerKeys?[index].freedAt = now
      for kind in [AlertKind.keyRevoked, .kmsUnreachable, .keyNotChecked] {
        closeAlert(kind, subject: Self.subject(of: former.keyID, in: name), now: now)
      }
      audit("kms key not needed", on: name.text, "\(former.keyID): no node and no copy is under it", now: now)
    }
    let freed = (project.formerKeys ?? []).filter { !$0.isNeeded }
    if freed.count > Self.freedKeysKept, let oldest = freed.min(by: { $0.replacedAt < $1.replacedAt }) {
      project.formerKeys?.removeAll { $0 == oldest }
    }
    put(project)
  }

  /// How an alert names a former key: the project's own alert is of the key in force.
  static func subject(of key: String, in project: ProjectName) -> String { "\(project): \(key)" }
}

/// What is in force when an operator names another key.
public struct KMSReplacement: Sendable {
  /// The settings.
  public let settings: KMSSettings
  /// Their version.
  public let settingsVersion: UInt64
  /// The coordinator's canary under them.
  public let canary: WrappedMasterKey
}
