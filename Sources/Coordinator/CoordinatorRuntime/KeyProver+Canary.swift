// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import KeyManagement
internal import Secrets

extension KeyProver {
  /// Throws if a key that another is to replace is revoked. One that can't be asked is no hindrance: nodes hold what it
  /// wrapped in memory.
  func checkNotRevoked(_ replaced: KeyJob.Replaced, project: ProjectName) async throws(OperatorFailure) {
    let (verdict, _, _) = await check(
      replaced.settings, secret: replaced.secret, canary: replaced.canary, project: project, renewing: true)
    guard case .revoked(let reason, let detail) = verdict else { return }
    throw OperatorFailure(
      .kmsFailed, what: "The KMS settings of project \(project) were not changed; those from before stay in force.",
      why:
        "The key \(replaced.settings.keyID) is revoked (\(reason.rawValue)), and while it is it can't be changed for "
        + "another: \(detail).",
      next: "Give the key back in the KMS, then try again.")
  }

  /// Proves that every other region that settings name unwraps what the key's own has wrapped.
  func proveReplicas(
    _ settings: KMSSettings, secret: Secret?, canary: WrappedMasterKey, project: ProjectName
  ) async throws(OperatorFailure) {
    for replica in settings.replicas ?? [] {
      guard let own = settings.settings(of: replica) else { continue }
      let (verdict, detail, _) = await check(own, secret: secret, canary: canary, project: project, renewing: true)
      guard verdict != .valid else { continue }
      throw OperatorFailure(
        .kmsFailed, what: "The KMS settings of project \(project) were not changed; those from before stay in force.",
        why: "The replica in \(replica.region) does not unwrap what the key in \(settings.region) wrapped: \(detail)",
        next: "See that the key has a replica there, enabled, which the credentials may use to decrypt.")
    }
  }

  /// Proves that these settings unwrap what the same key wrapped before; false if that says nothing.
  ///
  /// A canary that does not unwrap is damaged, or the settings name another key under the same id: providers refuse
  /// both alike. So it proves nothing, and somebody else has to.
  func prove(
    _ settings: KMSSettings, secret: Secret?, unwraps canary: WrappedMasterKey, project: ProjectName
  ) async throws(OperatorFailure) -> Bool {
    do throws(KMSError) {
      let service = try makeService(settings, secret)
      let context = KeyContext(project: project, cluster: nil, node: nil, purpose: .probe)
      _ = try await service.unwrap(canary, context: context, deadline: deadline)
      return true
    } catch {
      guard error.kind == .corruptBlob else {
        throw Self.failure(error, of: settings.provider, project: project)
      }
      return false
    }
  }
}
