// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import FailurePoints
internal import KeyHierarchy
internal import KeyManagement
internal import Logging
internal import Messages
internal import Replication
internal import Secrets

/// The customer's keys as a node knows them: the one in force, and those it may still have to unwrap with.
extension AgentShell {
  /// Makes the keys of an assignment usable; what can't be used is logged, and missing when it is needed.
  func adopt(_ assignment: NodeAssignment, welcome: Welcome) {
    keys = assignment.kms.flatMap {
      makeKeys($0, version: assignment.settingsVersion, secret: welcome.kmsSecret, assignment)
    }
    formerKeys = (assignment.formerKMS ?? []).compactMap { former in
      let secret = welcome.formerSecrets.first { $0.settingsVersion == former.settingsVersion }?.secret
      return makeKeys(former.settings, version: former.settingsVersion, secret: secret, assignment)
    }
  }

  private func makeKeys(
    _ settings: KMSSettings, version: UInt64, secret: Secret?, _ assignment: NodeAssignment
  ) -> NodeKeys? {
    guard secret != nil || !settings.credentials.isGivenToNodes else { return nil }
    do {
      return NodeKeys(
        service: try factory.service(
          of: settings, secret: secret, localAddress: configuration.kmsSourceAddress,
          signer: signer(of: settings, secret, as: .version(version))),
        customerKeyID: settings.keyID, settingsVersion: version,
        context: KeyContext(
          project: assignment.project, cluster: assignment.cluster, node: configuration.node, purpose: .masterKey))
    } catch {
      logger.error("the KMS settings can't be used", metadata: ["key": "\(settings.keyID)", "reason": "\(error)"])
      return nil
    }
  }

  /// The settings that unwrap what this key wrapped.
  func keys(for wrapped: WrappedMasterKey) -> NodeKeys? {
    NodeKeys.naming(wrapped.keyID, inForce: keys, formers: formerKeys)
  }

  /// Throws if other settings came into force while a key was made under these: what they wrapped is dropped, so that
  /// nothing is put under a key that was replaced.
  func checkInForce(_ used: NodeKeys) throws(AgentError) {
    guard core.isInForce(settingsVersion: used.settingsVersion) else {
      throw AgentError(.keys, "the KMS settings were changed meanwhile; nothing was changed here")
    }
  }

  /// Puts the master key in use under the customer key in force: wraps what is in memory, unwraps the result, compares,
  /// and only then replaces the keystore, once.
  func rewrap(_ command: CommandID, settingsVersion: UInt64) async {
    do {
      guard let keystore, let live = opened?.id, let stored = keystore.wrappedMasterKey else {
        throw AgentError(.keys, "the node has no open keystore")
      }
      guard let keys, keys.settingsVersion == settingsVersion else {
        throw AgentError(.keys, "the node has not taken up version \(settingsVersion) of the KMS settings")
      }
      try await checkNotRevoked(stored, replacedBy: keys)
      let wrapped = try await wrapAnew(keystore, under: keys, as: stored)
      guard opened?.id == live else { throw AgentError(.keys, "the engine was closed meanwhile") }
      try checkInForce(keys)
      FailurePoint.reach("cmk.replace.before")
      try await replace(keystore, as: wrapped.key) {
        try keystore.replaceWrappedMasterKey(wrapped.key, expectedVersion: wrapped.version)
      }
      FailurePoint.reach("cmk.replace.after")
      logger.notice("the master key is under another customer key", metadata: ["key": "\(wrapped.key.keyID)"])
      finish(command, .done)
    } catch {
      logger.warning("the master key was not put under another customer key", metadata: ["reason": "\(error)"])
      finish(command, .failed(reason: "\(error)"))
    }
  }

  /// Wraps the master key that is in memory; answers the result, and the keystore's version that it belongs to.
  private func wrapAnew(
    _ keystore: Keystore, under keys: NodeKeys, as stored: WrappedMasterKey
  ) async throws -> (key: WrappedMasterKey, version: UInt64) {
    FailurePoint.reach("cmk.wrap.before")
    let payload = try keystore.withMasterKey { (master) throws(KeystoreError) in
      try master.payload(for: keys.context)
    }
    var wrapped = try await keys.service.wrap(payload, context: keys.context, deadline: NodeKeys.deadline)
    FailurePoint.reach("cmk.wrap.after")
    let check = try await keys.unwrap(wrapped)
    // From here on nothing waits: the version is that of the very master key that was compared.
    let version = keystore.version
    guard try keystore.withMasterKey({ $0.isSame(as: check) }) else {
      throw AgentError(.keys, "the KMS gave back another key than the one in use; nothing was changed")
    }
    // It tells the age of the master key, which stays the same.
    wrapped.createdAtMilliseconds = stored.createdAtMilliseconds
    return (wrapped, version)
  }

  /// Throws if the key that is being left is revoked. One that can't be asked is no hindrance, and a replica of the key
  /// in force is not asked at all.
  private func checkNotRevoked(_ stored: WrappedMasterKey, replacedBy keys: NodeKeys) async throws {
    guard !CustomerKey.isSame(stored.keyID, keys.customerKeyID), let old = self.keys(for: stored),
      CustomerKey.isSame(stored.keyID, old.customerKeyID)
    else { return }
    do { try await old.checkNotRevoked(stored, startedAt: Self.wallClock) } catch {
      perform(core.onCheck(error.check, scheduled: false, now: now))
      throw AgentError(.keys, "nothing is put under another key while \(error)")
    }
  }

  /// What the disk holds under some key beside the live generation.
  func otherGenerations(than live: GenerationID?) -> [GenerationReport]? {
    let others = ((try? directory.superseded(by: live)) ?? []).filter { directory.isEncrypted($0) }
    let reports = others.map { DiskState.report(of: $0, in: directory, logger: logger) } + replacementReports
    return reports.isEmpty ? nil : reports
  }
}
