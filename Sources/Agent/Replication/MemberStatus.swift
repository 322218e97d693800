// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import ReplicationCore

/// Where a member stands, as a snapshot that anybody may look at without waiting.
public struct MemberStatus: Sendable, Equatable {
  /// The part it plays.
  public var role: MemberRole
  /// Whether it is primary and takes writes now.
  public var takesWrites: Bool
  /// The Raft term.
  public var term: UInt64
  /// The primary it knows.
  public var primary: MemberID?
  /// The term of the last entry on its disk.
  public var lastTerm: UInt64
  /// The last index on its disk.
  public var lastIndex: UInt64
  /// The last index it knows to be committed.
  public var commitIndex: UInt64
  /// The last index its data holds.
  public var appliedIndex: UInt64
  /// Who belongs to the shard.
  public var voters: [MemberID]
  /// Voters and learners, nil while a change of them is not committed.
  public var members: [MemberID]?
  /// Whether it can't catch up from the primary's oplog.
  public var needsInitialSync: Bool
  /// When its data was last known to hold everything that was committed; nil if it never was since the start.
  public var currentAt: ContinuousClock.Instant?
  /// Whether it lost what it had acknowledged, and neither votes nor campaigns until it has caught up.
  public var isRecovering: Bool
  /// What its oplog holds.
  public var oplog: OplogReport
  /// What the primary knows of the others; empty on any other member.
  public var peers: [PeerStatus] = []
  /// Writers that wait for a batch; their limit is `ReplicaMember.waitingWritersLimit`.
  public var waitingWriters = 0
  /// Whether its data is of one moment: after an initial sync only once it has passed the source's position at the end.
  public var isOfOneMoment: Bool
  /// Whether drivers may read its data: besides, it is not older than what it showed before it was started.
  public var isReadable: Bool

  init(_ core: RaftCore, outline: OplogOutline?) {
    role =
      switch core.role {
      case .leader: .primary
      case .follower: core.membership.isVoter(core.me) ? .secondary : .learner
      case .candidate, .preCandidate: .candidate
      }
    takesWrites = core.acceptsProposals
    term = core.term
    primary = core.leader
    lastTerm = core.lastPosition.term
    lastIndex = core.lastPosition.index
    commitIndex = core.commitIndex
    appliedIndex = core.appliedIndex
    voters = core.membership.voters
    members = core.isMembershipCommitted ? core.membership.everyone : nil
    needsInitialSync = core.needsInitialSync
    isRecovering = core.isRecovering
    oplog = OplogReport(
      firstIndex: core.log.base.index + 1, baseTerm: core.log.base.term, lastTerm: core.lastPosition.term,
      bytes: outline?.bytes ?? 0, windowSeconds: UInt64(max(0, outline?.windowMilliseconds ?? 0) / 1000))
    isOfOneMoment = core.isOfOneMoment
    isReadable = core.isReadable
  }

  /// The report of a node's heartbeat.
  public var report: ReplicationReport {
    var report = ReplicationReport(
      role: role, term: term, primary: primary, lastIndex: lastIndex, commitIndex: commitIndex,
      appliedIndex: appliedIndex, oplog: oplog, needsInitialSync: needsInitialSync,
      isRecovering: isRecovering || !isOfOneMoment)
    report.lastTerm = lastTerm == 0 ? nil : lastTerm
    report.isSoleVoter = voters.count == 1 ? true : nil
    report.members = members
    report.voters = voters
    return report
  }
}
