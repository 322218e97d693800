// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore

/// Forgetting a project's KMS settings.
extension Coordinator {
  /// Removes the settings, in one transaction with their sealed secret.
  func removeKMS(_ name: ProjectName) throws -> ProjectRecord {
    let decision: Decision<ProjectRecord>
    do { decision = try core.removeKMS(name, now: now) } catch { throw Self.failure(error) }
    try perform(decision.directives)
    return decision.value
  }
}
