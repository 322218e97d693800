// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Changing the customer key above the master key.
extension AgentCore {
  /// Whether settings of this version are in force here, so that what their key wrapped may be kept.
  ///
  /// A report that follows an assignment says that nothing is under the key before it, and the coordinator then lets go
  /// of that key's settings: what the old key wraps after such a report could not be opened again.
  public func isInForce(settingsVersion: UInt64) -> Bool {
    assignment.map { $0.kms != nil && $0.settingsVersion == settingsVersion } ?? false
  }

  /// The master key in use is to be wrapped by the key of these settings, which have to be the ones in force here.
  mutating func onRewrap(
    _ command: NodeCommand, expecting: GenerationID, settingsVersion: UInt64
  ) -> [AgentDirective] {
    guard let generation, generation.id == expecting, generation.encrypted else {
      return [reply(command, .refused(reason: "the live generation is not \(expecting)"))]
    }
    guard let assignment, let kms = assignment.kms, assignment.settingsVersion == settingsVersion else {
      let reason = "the node has not taken up version \(settingsVersion) of the KMS settings"
      return [reply(command, .failed(reason: reason))]
    }
    if generation.customerKeyID == kms.keyID { return [reply(command, .done)] }
    guard life == .serving else { return [reply(command, .failed(reason: notServing))] }
    return beginWork(command, .rewrapMasterKey(command.id, settingsVersion: settingsVersion))
  }
}
