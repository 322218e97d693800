// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import KeyManagement
internal import Secrets

extension KeyProver {
  /// Proves that these settings unwrap what the same key wrapped before. A canary that is damaged says nothing of the
  /// key; a new one takes its place.
  func prove(
    _ settings: KMSSettings, secret: Secret?, unwraps canary: WrappedMasterKey, project: ProjectName
  ) async throws(OperatorFailure) {
    do throws(KMSError) {
      let service = try makeService(settings, secret)
      let context = KeyContext(project: project, cluster: nil, node: nil, purpose: .probe)
      _ = try await service.unwrap(canary, context: context, deadline: deadline)
    } catch {
      if error.kind != .corruptBlob { throw Self.failure(error, project: project) }
    }
  }
}
