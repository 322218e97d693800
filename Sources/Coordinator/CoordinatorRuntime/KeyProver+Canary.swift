// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import KeyManagement
internal import Secrets

extension KeyProver {
  /// Proves that these settings unwrap what the same key wrapped before; false if that says nothing.
  ///
  /// A canary that does not unwrap is damaged, or the settings name another key under the same id: providers use one and
  /// the same refusal for both. So it proves nothing, and somebody else has to.
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
