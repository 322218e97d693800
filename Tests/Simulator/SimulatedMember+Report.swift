// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import ReplicationCore

extension SimulatedMember {
  /// What `MemberStatus` tells of it.
  var report: ReplicationReport {
    let role: MemberRole =
      switch core.role {
      case .leader: .primary
      case .follower: core.membership.isVoter(core.me) ? .secondary : .learner
      case .candidate, .preCandidate: .candidate
      }
    var report = ReplicationReport(
      role: role, term: core.term, primary: core.leader, lastIndex: core.lastPosition.index,
      commitIndex: core.commitIndex, appliedIndex: core.appliedIndex, needsInitialSync: core.needsInitialSync,
      isRecovering: core.isRecovering || !core.isOfOneMoment)
    report.lastTerm = core.lastPosition.term == 0 ? nil : core.lastPosition.term
    report.isSoleVoter = core.membership.voters.count == 1 ? true : nil
    report.voters = core.membership.voters
    report.members = core.isMembershipCommitted ? core.membership.everyone : nil
    return report
  }
}
