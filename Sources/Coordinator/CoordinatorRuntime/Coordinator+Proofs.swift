// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import Logging
internal import Messages

/// From settings that the coordinator has proven to settings that are in force: the nodes have a word in it.
extension Coordinator {
  /// The coordinator's own proof ended: the reachable nodes are next.
  func continueProof(
    _ proof: KeyJob.Proof, _ result: Result<ProvenCanary, OperatorFailure>
  ) throws(CoordinatorFault) {
    switch result {
    case .failure(let failure): try refuse(proof, failure)
    case .success(let proven):
      let nodes = core.provers(of: proof.project, now: now)
      let needsNode = !proven.isSameKey && core.holdsData(of: proof.project, under: proof.settings.keyID)
      try perform(
        proofDesk.open(.random(), proof, canary: proven.canary, nodes: nodes, needsNode: needsNode, now: now))
    }
  }

  /// Looks whether nodes went away or stayed silent.
  func attendProofDesk() throws(CoordinatorFault) {
    let now = now
    try perform(proofDesk.onTick(now: now) { core.isHeard($0, now: now) })
  }

  func perform(_ directives: [ProofDesk.Directive]) throws(CoordinatorFault) {
    for directive in directives {
      switch directive {
      case .send(let request, let node): send(.proveSettings(request), to: node)
      case .commit(let proof, let canary):
        let answer = try commit(proof, canary: canary)
        if case .failure(let failure) = answer {
          try refuse(proof, failure)
        } else {
          proofsUnderWay -= 1
          reply(answer, to: proof.asker)
        }
      case .refuse(let proof, let failure): try refuse(proof, failure)
      }
    }
  }

  private func refuse(_ proof: KeyJob.Proof, _ failure: OperatorFailure) throws(CoordinatorFault) {
    proofsUnderWay -= 1
    logger.notice(
      "KMS settings were not proven", metadata: ["project": "\(proof.project)", "reason": "\(failure.why)"])
    try perform(
      core.onKMSRefused(
        proof.project, settings: proof.settings, settingsVersion: proof.settingsVersion,
        why: "\(failure.what) \(failure.why)", now: now))
    reply(.failure(failure), to: proof.asker)
  }
}
