// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentCore
internal import ClusterModel
internal import EncryptedStore
internal import KeyHierarchy
internal import Replication

/// Replacing a keystore, off the actor: a disk that hangs must not keep the node from a lock-out.
extension AgentShell {
  /// Runs `change`, which puts a keystore's master key, wrapped anew as `wrapped`, on disk.
  ///
  /// What is checked before counts until it begins: a later version of the keystore refuses it. The node may hear of
  /// other settings while the disk takes its time, so until it is known which state is on disk it reports both keys as
  /// needed.
  func replace(
    _ keystore: Keystore, as wrapped: WrappedMasterKey, _ change: @escaping @Sendable () throws -> Void
  ) async throws {
    let id = replacements.last &+ 1
    replacements.last = id
    replacements.pending[id] = PendingReplacement(keystore: keystore, keyID: wrapped.keyID)
    defer { replacements.pending[id] = nil }
    try await workshop.run(change)
  }

  /// What the disk may hold under another key than the open keystore shows.
  var replacementReports: [GenerationReport] {
    replacements.pending.values.compactMap { pending in
      guard let id = pending.keystore.identity?.generation ?? opened?.id,
        pending.keyID != pending.keystore.wrappedMasterKey?.keyID
      else { return nil }
      return GenerationReport(id: id, encrypted: true, customerKeyID: pending.keyID)
    }
  }

  /// Whether the file of a keystore may be ahead of what is in memory.
  func isReplacing(_ keystore: Keystore) -> Bool { replacements.pending.values.contains { $0.keystore === keystore } }
}

/// Keystores that are being replaced.
struct Replacements {
  var last: UInt64 = 0
  var pending: [UInt64: PendingReplacement] = [:]
}

/// One keystore, and the customer's key that it is being put under.
struct PendingReplacement {
  let keystore: Keystore
  let keyID: String
}

/// A fresh master key in the hands of who makes it durable.
final class HeldFreshKey: Sendable {
  let key: MasterKey
  let wrapped: WrappedMasterKey

  init(_ fresh: consuming FreshMasterKey) {
    wrapped = fresh.wrapped
    key = fresh.key
  }
}
