// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import KeyHierarchy

/// One customer key as a node uses it.
struct UsedKey: Equatable {
  var key: String
  var version: UInt64
}

/// The customer's keys, as `AgentShell+CustomerKeys` has them: what is in force wraps, former settings unwrap.
extension SimulatedNode {
  func settingsInForce(_ life: AgentProcess) -> UsedKey? {
    guard let assignment = life.core.assignment, let kms = assignment.kms else { return nil }
    return UsedKey(key: kms.keyID, version: assignment.settingsVersion)
  }

  func isInForce(_ used: UsedKey, _ life: AgentProcess) -> Bool {
    life.core.isInForce(settingsVersion: used.version)
  }

  /// The settings that unwrap what is stored: those in force, or former ones.
  func settings(for files: GenerationFiles) -> UsedKey? {
    guard let life = process, let present = settingsInForce(life) else { return nil }
    guard let key = files.keystore?.wrappedMasterKey.keyID, !CustomerKey.isSame(key, present.key) else {
      return present
    }
    let former = life.core.assignment?.formerKMS?.first { CustomerKey.isSame($0.settings.keyID, key) }
    return former.map { UsedKey(key: $0.settings.keyID, version: $0.settingsVersion) } ?? present
  }

  /// Puts the master key in memory under the key in force: the old key is asked whether it is revoked, the new one
  /// wraps and unwraps, one replacement.
  func rewrap(_ command: CommandID, settingsVersion: UInt64, _ life: AgentProcess) {
    guard let keys = life.member?.keys, let used = settingsInForce(life), used.version == settingsVersion else {
      return finish(command, .failed(reason: "the node has no keystore or not these settings"))
    }
    life.stage = "putting the master key under another key"
    let (old, master) = (settings(for: keys.files), keys.contents.masterKeyID)
    callKMS(old?.key ?? used.key) { [unowned self] _, verdict in
      if case .revoked(let reason, _) = verdict {
        return finish(command, .failed(reason: "the old key is revoked: \(reason.rawValue)"))
      }
      callKMS(used.key) { [unowned self] _, wrapping in
        guard wrapping == .valid else { return finish(command, .failed(reason: "the KMS does not answer")) }
        callKMS(used.key) { [unowned self] life, unwrapping in
          guard unwrapping == .valid, settingsInForce(life) == used else {
            return finish(command, .failed(reason: "the KMS does not answer, or other settings are in force"))
          }
          guard life.opened === keys.files, keys.contents.masterKeyID == master else {
            return finish(command, .failed(reason: "the engine was closed"))
          }
          var wrapped = SimulatedKMS.canary(under: used.key)
          wrapped.createdAtMilliseconds = keys.contents.wrappedMasterKey.createdAtMilliseconds
          try keys.replaceWrapped(wrapped, step)
          world.statistics.count("rewrapping")
          finish(command, .done)
        }
      }
    }
  }
}
