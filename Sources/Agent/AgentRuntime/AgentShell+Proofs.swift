// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy
internal import KeyManagement
internal import Logging
internal import Messages
internal import Replication

/// Trying KMS settings that are not in force: the node unwraps its own stored master key under them, once, and
/// asks for the key's state.
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

  private func outcome(of request: ProveSettings) async -> SettingsProof.Outcome {
    guard let live = liveGeneration() ?? core.generation, live.encrypted else { return .nothingToProve }
    guard let assignment = core.assignment else {
      return .failed(kind: "", operation: "", reason: "it has no assignment yet")
    }
    do {
      let sealed = try SealedKeystore.read(from: directory.keystorePath(of: live.id))
      let trial = NodeKeys(
        service: try factory.makeService(
          settings: request.settings, secret: request.secret, localAddress: configuration.kmsSourceAddress),
        customerKeyID: request.settings.keyID, settingsVersion: 0,
        context: KeyContext(
          project: assignment.project, cluster: assignment.cluster, node: configuration.node, purpose: .masterKey))
      return await trial.prove(
        sealed.wrappedMasterKey, holds: sealed.masterKeyID, checkValue: sealed.masterKeyCheckValue)
    } catch let error as KMSError {
      return .failed(kind: error.kind.rawValue, operation: error.operation.rawValue, reason: error.description)
    } catch {
      return .failed(kind: "", operation: "", reason: "\(error)")
    }
  }
}
