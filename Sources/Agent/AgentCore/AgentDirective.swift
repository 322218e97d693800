// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Milliseconds on a monotonic clock, since an arbitrary start.
public typealias Milliseconds = Int64

/// What the shell does for `AgentCore`, in the order given.
public enum AgentDirective: Sendable, Equatable {
  /// Tell the engine and the replication links who the peers are now.
  case updatePeers(NodeAssignment)
  /// Unwrap the master key with exactly one KMS call (if the generation is encrypted) and open the engine.
  case open
  /// Make the first generation with these voters and open it.
  case formShard(voters: [NodeName])
  /// Refuse new work, flush, close the engine, wipe the keys; then `onClosed`.
  case close
  /// Copy everything into a new generation; then `onWorkFinished`.
  case resync(CommandID, encrypted: Bool)
  /// Copy everything from another member although there is nothing to serve from; then `onRebuilt`.
  case rebuild(CommandID, InitialSyncOrder)
  /// Give the copy of `rebuild` up, within the time that a lock-out may take; then `onRebuilt`.
  case endCopy
  /// What is under way ends within the time that a lock-out may take, or the process image is replaced.
  case watchLockOut
  /// Make and wrap a new master key and rewrap the keystore; then `onWorkFinished`.
  case rotateMasterKey(CommandID)
  /// Wrap the master key in use by the key of these settings and replace its old wrapping; then `onWorkFinished`.
  case rewrapMasterKey(CommandID, settingsVersion: UInt64)
  /// Hand the primary's part over; then `onWorkFinished`.
  case stepDown(CommandID)
  /// Go on as the shard's only voter if the log still ends there; then `onWorkFinished`.
  case forceSoleVoter(CommandID, lastIndex: UInt64)
  /// Take a node into the shard, or out of it, as its primary; then `onWorkFinished`.
  case addMember(CommandID, NodeName)
  case removeMember(CommandID, NodeName)
  /// Destroy every keystore, then every other file of every generation; then `onDestroyed`. The engine is closed.
  case destroyEverything
  /// Unwrap the stored blob once, with credentials fetched for it unless the check is a scheduled one; then `onCheck`.
  case check(scheduled: Bool)
  /// Answer a command.
  case reply(CommandResult)
  /// Send a heartbeat now.
  case report
  /// Say hello on the link that is there.
  case hello
  /// Replace the process image, so that no plaintext page and no key stays in memory.
  case replaceProcessImage
}

/// How opening the engine failed.
public enum OpenFailure: Sendable, Equatable {
  /// The KMS check behind the unwrap said this.
  case keyCheck(CheckReport)
  /// The node's own files or keys do not fit; says which file and why.
  case damaged(DamageReport)
  /// The keystore on disk is not the one this process told the coordinator of: nobody has approved it.
  case changedOnDisk
  /// The engine could not be opened for a reason that may pass (ports, memory, disk).
  case other(reason: String)
}

/// The times and limits of an agent's life.
public struct AgentTiming: Sendable, Equatable {
  /// Between two scheduled KMS checks of a running node; each is jittered by up to a tenth.
  public var checkInterval: Milliseconds = 15 * 60 * 1000
  /// The first wait after a KMS that could not be asked; doubled up to `retryCeiling`, jittered by half.
  public var retryFloor: Milliseconds = 500
  /// The longest wait between two attempts to open.
  public var retryCeiling: Milliseconds = 30_000
  /// Between two checks of a disabled node.
  public var disabledRecheck: Milliseconds = 60_000

  /// The defaults.
  public init() {}
}
