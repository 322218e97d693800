// SPDX-License-Identifier: GPL-3.0-or-later

/// Who belongs to the shard: voters decide, learners follow.
public struct Membership: Sendable, Equatable {
  /// The most members a shard may have; more gain nothing and slow every commit.
  public static let maximumMembers = 50

  /// The members that vote and count for a commit, in a stable order.
  public private(set) var voters: [MemberID]
  /// The members that only receive the log, in a stable order.
  public private(set) var learners: [MemberID]

  /// Checks and makes a membership; throws `malformedMembership` if nobody votes, a member stands twice or there are
  /// too many.
  public init(voters: [MemberID], learners: [MemberID] = []) throws(ReplicationError) {
    let everyone = voters + learners
    guard !voters.isEmpty else { throw ReplicationError(.malformedMembership, "a membership has no voters") }
    guard Set(everyone).count == everyone.count else {
      throw ReplicationError(.malformedMembership, "a member stands twice in a membership")
    }
    guard everyone.count <= Self.maximumMembers else {
      throw ReplicationError(
        .malformedMembership, "a membership has \(everyone.count) members, at most \(Self.maximumMembers) are allowed")
    }
    self.voters = voters
    self.learners = learners
  }

  /// Voters, then learners.
  public var everyone: [MemberID] { voters + learners }
  /// How many voters make a majority.
  public var majority: Int { voters.count / 2 + 1 }
  /// Whether `member` votes.
  public func isVoter(_ member: MemberID) -> Bool { voters.contains(member) }
  /// Whether `member` belongs to the shard at all.
  public func contains(_ member: MemberID) -> Bool { voters.contains(member) || learners.contains(member) }

  /// The membership after `change`, or why it can't be.
  func applying(_ change: MembershipChange) -> Result<Membership, ProposalRefusal> {
    var changed = self
    switch change {
    case .addLearner(let member):
      guard !contains(member) else { return .failure(.alreadyMember) }
      guard everyone.count < Self.maximumMembers else { return .failure(.tooManyMembers) }
      changed.learners.append(member)
    case .promoteLearner(let member):
      guard learners.contains(member) else { return .failure(isVoter(member) ? .alreadyMember : .notMember) }
      changed.learners.removeAll { $0 == member }
      changed.voters.append(member)
    case .demoteVoter(let member):
      guard isVoter(member) else { return .failure(.notMember) }
      changed.voters.removeAll { $0 == member }
      changed.learners.append(member)
    case .remove(let member):
      guard contains(member) else { return .failure(.notMember) }
      changed.voters.removeAll { $0 == member }
      changed.learners.removeAll { $0 == member }
    }
    return changed.voters.isEmpty ? .failure(.lastVoter) : .success(changed)
  }
}

/// A change of the membership; each changes at most one voter, so that old and new majorities always share a member.
public enum MembershipChange: Sendable, Equatable {
  /// A new member that only receives the log.
  case addLearner(MemberID)
  /// A learner that has caught up becomes a voter.
  case promoteLearner(MemberID)
  /// A voter becomes a learner.
  case demoteVoter(MemberID)
  /// A voter or learner leaves.
  case remove(MemberID)
}

/// The memberships a log knows of: the one in force at its base, and those of its entries.
public struct MembershipHistory: Sendable, Equatable {
  /// A membership and the index of its entry.
  public struct Change: Sendable, Equatable {
    /// The index of the entry.
    public var index: UInt64
    /// The membership in force from that entry on.
    public var membership: Membership

    /// Makes a change of its parts.
    public init(index: UInt64, membership: Membership) {
      self.index = index
      self.membership = membership
    }
  }

  /// The membership in force at the log's base.
  public private(set) var base: Membership
  /// The memberships of the log's entries, in order.
  public private(set) var changes: [Change]

  /// Makes a history of its parts; `changes` are sorted by index.
  public init(base: Membership, changes: [Change] = []) {
    self.base = base
    self.changes = changes.sorted { $0.index < $1.index }
  }

  /// The membership in force: the last in the log, committed or not.
  public var current: Membership { changes.last?.membership ?? base }
  /// The index of the entry that put the current membership in force; nil if it is the base's.
  public var currentIndex: UInt64? { changes.last?.index }

  /// The membership in force after the entry at `index`.
  public func membership(at index: UInt64) -> Membership {
    changes.last { $0.index <= index }?.membership ?? base
  }

  mutating func append(_ membership: Membership, at index: UInt64) {
    changes.append(Change(index: index, membership: membership))
  }

  mutating func truncate(after index: UInt64) { changes.removeAll { $0.index > index } }

  mutating func trim(to index: UInt64) {
    base = membership(at: index)
    changes.removeAll { $0.index <= index }
  }
}
