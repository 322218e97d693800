// SPDX-License-Identifier: GPL-3.0-or-later

/// A rule that the simulated shells can break on purpose, to prove that the simulation notices.
package enum BrokenRule: String, Sendable, CaseIterable {
  /// Terms and votes never reach the disk.
  case voteNotPersisted
  /// Answers leave, and writes are acknowledged, before the entries they speak of are durable.
  case acknowledgeBeforeSync
  /// An agent obeys a coordinator that another has replaced.
  case acceptOlderEpoch
  /// The old generation goes before `CURRENT` names the new one.
  case destroyBeforeRename
  /// A member that lost what it had acknowledged votes at once.
  case resyncedVotesAtOnce
  /// The coordinator's messages leave before its decisions are on disk.
  case sendBeforePersist
  /// A started coordinator asks for the same under another command id.
  case forgetCommandIDs
  /// The coordinator believes every node well.
  case ignoreHealth
  /// A node puts its keystore under a master key that nobody ordered.
  case rotateUnasked
  /// The coordinator takes a node for out of its shard before that is committed.
  case leaveBeforeRetired
  /// A node that leaves says that nothing is left although its keystore is.
  case keysSurviveLeaving
}
