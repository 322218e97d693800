// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// Changing the customer key above the master key.
extension AgentCore {
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
