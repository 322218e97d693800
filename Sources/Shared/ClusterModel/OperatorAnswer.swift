// SPDX-License-Identifier: GPL-3.0-or-later

/// What the coordinator answers an operator.
public enum OperatorAnswer: Sendable, Codable, Equatable {
  /// One project.
  case project(ProjectView)
  /// All projects.
  case projects([ProjectView])
  /// A project's KMS settings as they are in force.
  case kms(KMSView)
  /// One node.
  case node(NodeView)
  /// Several nodes.
  case nodes([NodeView])
  /// One cluster.
  case cluster(ClusterView)
  /// All clusters.
  case clusters([ClusterView])
  /// What a change of a cluster comes to.
  case clusterChange(ClusterChangeView)
  /// One plan, new or as it stands.
  case plan(PlanView)
  /// Several plans.
  case plans([PlanView])
  /// The tree of keys.
  case keysTree(KeysTreeView)
  /// The ledger of customer keys.
  case keysNeeded(KeysNeededView)
  /// One customer key of the ledger.
  case keyNeed(KeyNeedView)
  /// When master keys are rotated next.
  case rotations([RotationView])
  /// The list of addresses.
  case ipList(IPListView)
  /// A project's access list.
  case accessList(AccessListView)
  /// What needs attention.
  case alerts([AlertView])
  /// The users of a cluster, as they are now.
  case users([DriverUser])
  /// The coordinator itself.
  case coordinator(CoordinatorView)
  /// All operators, also those that were removed.
  case operators([OperatorView])
  /// What is or could be made again of what nodes report.
  case rebuild(RebuildView)
  /// Tokens for enrolment.
  case tokens([EnrolmentTokenView])
  /// Who has which role in a project.
  case members([ProjectMembership])
  /// Decisions on whom to trust.
  case audit(AuditPage)
  /// A shard's members side by side.
  case recovery(RecoveryView)
  /// How mail stands.
  case mail(MailView)
  /// It was not done.
  case failure(OperatorFailure)
}

/// Why something an operator asked for was not done: what happened, why, and what to do next.
public struct OperatorFailure: Error, Sendable, Codable, Equatable, CustomStringConvertible {
  /// The kind of failure; scripts decide by it, and the exit code follows from it.
  public enum Code: String, Sendable, Codable, CaseIterable {
    /// The request makes no sense as it stands.
    case invalid
    /// Something it names does not exist.
    case notFound
    /// What it would make exists already.
    case alreadyExists
    /// The present state forbids it: another plan runs, a key is missing, nodes are not ready.
    case conflict
    /// The caller may not do this.
    case forbidden
    /// The KMS did not do what the settings need.
    case kmsFailed
    /// The coordinator cannot be reached.
    case unreachable
    /// The coordinator was asked and has not answered in time; it may still do it.
    case unanswered
    /// It was tried and failed.
    case failed
    /// The other side speaks another version.
    case versionMismatch
  }

  /// The kind of failure.
  public var code: Code
  /// What happened, one sentence.
  public var what: String
  /// Why, one sentence; empty if `what` says it all.
  public var why: String
  /// What to do next, a sentence or a command line; empty if there is nothing to do.
  public var next: String

  /// Makes a failure of its parts.
  public init(_ code: Code, what: String, why: String = "", next: String = "") {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
  }

  /// All of it in one line.
  public var description: String { [what, why, next].filter { !$0.isEmpty }.joined(separator: " ") }
}
