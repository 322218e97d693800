// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import KeyManagement
internal import Messages

/// KMS settings that the coordinator has proven and nodes still have to: a value without I/O and clock.
///
/// Every node that is reachable and holds data under the key unwraps its own stored master key under them. A node whose
/// link ends meanwhile is away and takes the new settings when it returns; one that stays and does not answer, or can't
/// unwrap, leaves the old settings in force. Nothing of it is stored.
struct ProofDesk: Sendable {
  /// How long nodes may take to answer: one call to the KMS with its retries.
  static let patience = Duration.seconds(15)

  /// What one decision leads to.
  enum Directive: Sendable {
    case send(ProveSettings, to: NodeName)
    case commit(KeyJob.Proof, WrappedMasterKey)
    case refuse(KeyJob.Proof, OperatorFailure)
  }

  private struct Trial: Sendable {
    let proof: KeyJob.Proof
    let canary: WrappedMasterKey
    let deadline: Instant
    /// Whether a node has to prove them: the coordinator could not tell whether it is the same key.
    let needsNode: Bool
    var isProven = false
    var awaited: Set<NodeName>
    var failures: [NodeName: SettingsProof.Outcome] = [:]
  }

  private var trials: [CommandID: Trial] = [:]

  /// The coordinator has proven the settings; these nodes are to prove them now.
  mutating func open(
    _ id: CommandID, _ proof: KeyJob.Proof, canary: WrappedMasterKey, nodes: [NodeName], needsNode: Bool = false,
    now: Instant
  ) -> [Directive] {
    trials[id] = Trial(
      proof: proof, canary: canary, deadline: now + Self.patience, needsNode: needsNode, awaited: Set(nodes))
    let secret = proof.settings.credentials.isGivenToNodes ? proof.secret : nil
    let request = ProveSettings(id: id, settings: proof.settings, secret: secret)
    return nodes.map { .send(request, to: $0) } + settle(id)
  }

  /// A node answered.
  mutating func onReply(_ reply: SettingsProof, from node: NodeName) -> [Directive] {
    guard trials[reply.id]?.awaited.remove(node) != nil else { return [] }
    switch reply.outcome {
    case .proven: trials[reply.id]?.isProven = true
    case .failed: trials[reply.id]?.failures[node] = reply.outcome
    case .nothingToProve: break
    }
    return settle(reply.id)
  }

  /// The settings of a trial that waits for this node, nil if none of this id does.
  func proof(_ id: CommandID, awaiting node: NodeName) -> KeyJob.Proof? {
    trials[id].flatMap { $0.awaited.contains(node) ? $0.proof : nil }
  }

  /// Time passed: nodes that are away are not waited for, and those that stay silent have not proven anything.
  mutating func onTick(now: Instant, isHeard: (NodeName) -> Bool) -> [Directive] {
    var directives: [Directive] = []
    for id in trials.keys.sorted() {
      for node in trials[id]?.awaited ?? [] where !isHeard(node) { trials[id]?.awaited.remove(node) }
      if let trial = trials[id], now >= trial.deadline {
        for node in trial.awaited {
          trials[id]?.failures[node] = .failed(
            kind: "", operation: "", reason: "it is connected and has not answered within \(Self.patience)")
        }
        trials[id]?.awaited = []
      }
      directives += settle(id)
    }
    return directives
  }

  private mutating func settle(_ id: CommandID) -> [Directive] {
    guard let trial = trials[id], trial.awaited.isEmpty else { return [] }
    trials[id] = nil
    guard let first = trial.failures.min(by: { $0.key < $1.key }) else {
      if trial.needsNode, !trial.isProven { return [.refuse(trial.proof, Self.unknownKey(trial.proof))] }
      return [.commit(trial.proof, trial.canary)]
    }
    return [.refuse(trial.proof, Self.failure(first.value, at: first.key, of: trial))]
  }

  /// Nobody has shown that the settings reach the key that the data is under.
  private static func unknownKey(_ proof: KeyJob.Proof) -> OperatorFailure {
    OperatorFailure(
      .kmsFailed,
      what: "The KMS settings of project \(proof.project) were not changed; those from before stay in force.",
      why: "Under them the coordinator's canary does not unwrap: it is damaged, or the key is another one of the same "
        + "id; and no node that holds data under the key could be asked.",
      next: "Start a node of the project and try again; if it can't unwrap either, the key is another one.")
  }

  private static func failure(_ outcome: SettingsProof.Outcome, at node: NodeName, of trial: Trial) -> OperatorFailure {
    guard case .failed(let kind, let operation, let reason) = outcome else {
      return OperatorFailure(.failed, what: "The KMS settings were not proven.")
    }
    var failure = OperatorFailure(
      .kmsFailed,
      what: "The KMS settings of project \(trial.proof.project) were not changed; those from before stay in force.",
      why: "", next: "Look into the log of \(node).")
    if let kind = KMSError.Kind(rawValue: kind), let operation = KMSError.Operation(rawValue: operation) {
      let error = KMSError(kind, operation: operation, keyID: trial.proof.settings.keyID, detail: reason)
      failure = KeyProver.failure(error, of: trial.proof.settings.provider, project: trial.proof.project)
    }
    let others = trial.failures.keys.filter { $0 != node }.sorted().map(\.text)
    let also = others.isEmpty ? "" : " The same goes for \(others.joined(separator: ", "))."
    failure.why = "The coordinator may use the key under them, but node \(node) may not: \(reason).\(also)"
    return failure
  }
}
