// SPDX-License-Identifier: GPL-3.0-or-later
internal import Logging
public import ReplicationCore
internal import Synchronization

/// A shard that goes on from one member, and its others coming back.
extension ReplicaMember {
  /// Makes this member the only voter of its shard; answers why not, nil if it is. See `RaftCore`: it is unsafe.
  public func forceSoleVoter(lastIndex: UInt64) -> String? {
    guard !isClosed else { return "the member is closed" }
    switch core.onForceSoleVoter(lastIndex: lastIndex, now: now) {
    case .success(let directives):
      logger.critical("this member is its shard's only voter now", metadata: ["lastIndex": "\(lastIndex)"])
      perform(directives)
      return nil
    case .failure(.hasMajority): return "the shard has a primary that it follows; nothing has to be given up"
    case .failure(.notWhole): return "its data is a copy that is not complete yet"
    case .failure(.movedOn(let last)): return "its log ends at \(last), not at \(lastIndex); look again"
    }
  }

  /// Names the members that belong among the voters: whoever of them became a learner when the shard went on from one
  /// member votes again once it has caught up.
  public nonisolated func expectVoters(_ members: Set<MemberID>) { expectedVoters.withLock { $0 = members } }

  /// Makes voters of those that have caught up, one after another.
  func promoteLearner() {
    guard let learner = core.promotable(among: expectedVoters.withLock { $0 }, now: now) else { return }
    guard case .accepted(_, _, let directives) = core.onProposeMembership(.promoteLearner(learner), now: now) else {
      return
    }
    logger.notice("a member that has caught up votes again", metadata: ["member": "\(learner)"])
    perform(directives)
  }
}
