// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import KeyManagement
internal import Logging
internal import Messages
internal import Replication

/// Trying KMS settings that are not in force: the node unwraps its own stored master key under them, once, and
/// asks for the key's state; if they name another key, it has a new one wrapped and unwrapped.
extension AgentShell {
  /// Lets a trial begin, or answers that there is no room for it now.
  func take(_ request: ProveSettings) {
    if proofRequests.enter() { return _ = jobQueue.yield(.prove(request)) }
    let reason = "it is trying \(proofRequests.limit) other settings and takes no more now"
    send(.settingsProof(SettingsProof(id: request.id, outcome: .failed(kind: "", operation: "", reason: reason))))
  }

  /// Answers whether the settings unwrap. Neither they nor the secret outlive the answer, and nothing is written.
  func prove(_ request: ProveSettings) async {
    let outcome = await outcome(of: request)
    logger.notice("KMS settings were tried", metadata: ["key": "\(request.settings.keyID)", "outcome": "\(outcome)"])
    send(.settingsProof(SettingsProof(id: request.id, outcome: outcome)))
  }

  /// Proves that the node could restart now: what lies on its disk opens under what the KMS unwrapped of it, and that
  /// is the key in use. Nil if the keystore was replaced meanwhile or is closed, which says nothing; throws what is
  /// wrong.
  func restartProof(
    of sealed: SealedKeystore, in id: GenerationID, under master: borrowing MasterKey, startedAt: Int64
  ) throws -> RestartProof? {
    guard let cluster = core.assignment?.cluster else { return nil }
    try sealed.verify(
      with: master, expecting: KeystoreIdentity(cluster: cluster, node: configuration.node, generation: id))
    guard let keystore, keystore.identity?.generation == id, keystore.version == sealed.version else { return nil }
    guard keystore.isUnder(master) else {
      throw AgentError(.keys, "the stored master key unwraps to another key than the one in use")
    }
    return RestartProof(
      masterKeyID: sealed.masterKeyID, keystoreVersion: sealed.version, provenAtMilliseconds: startedAt)
  }

  private func outcome(of request: ProveSettings) async -> SettingsProof.Outcome {
    guard let live = liveGeneration() ?? core.generation, live.encrypted else { return .nothingToProve }
    guard let assignment = core.assignment else {
      return .failed(kind: "", operation: "", reason: "it has no assignment yet")
    }
    do {
      let sealed = try SealedKeystore.read(from: directory.keystorePath(of: live.id))
      let trial = NodeKeys(
        service: try factory.makeService(
          settings: request.settings, secret: request.secret, localAddress: configuration.kmsSourceAddress,
          signer: signer(of: request.settings, request.secret, as: .proof(request.id))),
        customerKeyID: request.settings.keyID, settingsVersion: 0,
        context: KeyContext(
          project: assignment.project, cluster: assignment.cluster, node: configuration.node, purpose: .masterKey))
      guard CustomerKey.isSame(sealed.wrappedMasterKey.keyID, request.settings.keyID) else {
        // Another key: what the node will ask of it is tried with a master key that nothing uses.
        _ = try await trial.makeMasterKey()
        return .proven
      }
      return await trial.prove(
        sealed.wrappedMasterKey, holds: sealed.masterKeyID, checkValue: sealed.masterKeyCheckValue)
    } catch let error as KMSError {
      return .failed(kind: error.kind.rawValue, operation: error.operation.rawValue, reason: error.description)
    } catch {
      return .failed(kind: "", operation: "", reason: "\(error)")
    }
  }
}
