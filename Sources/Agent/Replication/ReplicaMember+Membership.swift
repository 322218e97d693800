// SPDX-License-Identifier: GPL-3.0-or-later
public import ReplicationCore

/// A change of the shard's membership whose commit somebody waits for.
struct PendingChange: Sendable {
  let position: LogPosition
  let continuation: CheckedContinuation<Void, any Error>
}

extension ReplicaMember {
  /// Changes who belongs to the shard, one member at a time; returns once a majority of the new voters has the change
  /// on disk. Only the primary can; a new member is a learner first, and becomes a voter once it has caught up.
  ///
  /// Throws `notPrimary`, `invalid` with the reason, or `outcomeUnknown` if the primary's part was lost meanwhile.
  public func change(_ change: MembershipChange) async throws {
    guard !isClosed else { throw MemberError(.closed, "the member is closed") }
    switch core.onProposeMembership(change, now: now) {
    case .refused(let refusal): throw refused(refusal)
    case .accepted(let position, _, let directives):
      try await withCheckedThrowingContinuation { continuation in
        changes.append(PendingChange(position: position, continuation: continuation))
        perform(directives)
      }
    }
  }

  private func refused(_ refusal: ProposalRefusal) -> MemberError {
    switch refusal {
    case .notLeader: notPrimary
    case .notReady, .handingOver: MemberError(.notPrimary, "the primary is taking or handing over; try again")
    case .changeInProgress: MemberError(.overloaded, "the last change of the members is not committed yet; try again")
    case .alreadyMember: MemberError(.invalid, "the member has that place already")
    case .notMember: MemberError(.invalid, "the member does not belong to the shard, or not in that place")
    case .notCaughtUp: MemberError(.invalid, "the learner has not caught up with the primary yet")
    case .lastVoter: MemberError(.invalid, "a shard needs a member that votes")
    case .tooManyMembers: MemberError(.invalid, "a shard has at most \(Membership.maximumMembers) members")
    case .overloaded, .badPayload: MemberError(.overloaded, "the change was refused: \(refusal)")
    }
  }

  /// Answers those whose change is committed now, or was replaced.
  func settleChanges(upTo index: UInt64) {
    guard !changes.isEmpty else { return }
    let due = changes.filter { $0.position.index <= index }
    changes.removeAll { $0.position.index <= index }
    for change in due {
      if core.log.contains(change.position) {
        change.continuation.resume()
      } else {
        change.continuation.resume(throwing: MemberError(.outcomeUnknown, "the change was replaced by another primary"))
      }
    }
  }

  /// Nobody can say any more what becomes of the changes under way.
  func abandonChanges(_ reason: String) {
    let open = changes
    changes = []
    for change in open {
      change.continuation.resume(throwing: MemberError(.outcomeUnknown, "\(reason); the change may still be committed"))
    }
  }
}
