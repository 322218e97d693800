// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Taking a plan back by an operator's word.
///
/// Only what would roll back by itself at its deadline can be: a node that joins, and a cluster of which nothing was
/// begun. Every other plan leaves each node whole before and after each step; what it began is turned round by the
/// order that says the contrary, or ends by itself.
extension CoordinatorCore {
  /// Ends a plan that provisions something before its time: the node that joins leaves again and destroys what it has;
  /// the nodes of a cluster that could not begin are free again. `text` is the plan's id or its beginning.
  ///
  /// Throws `CoordinatorError` with what to do instead if the plan is over, or can't be taken back.
  public mutating func cancelPlan(_ text: String, now: Instant) throws(CoordinatorError) -> Decision<PlanID> {
    let plan = try self.plan(named: text)
    let refusal = "Plan \(plan.id) was not cancelled."
    let look = "See it with: keyfold plan show \(plan.id.text.prefix(8))"
    guard plan.isOpen else { throw CoordinatorError(.refused, refusal, why: "It is over.", next: look) }
    let why = "an operator cancelled the plan"
    switch plan.kind {
    case .addNode:
      if let reason = plan.undoing {
        throw CoordinatorError(
          .conflict, refusal, why: "Its node is being taken back already: \(reason).", next: look)
      }
      turnRound(plan, because: why, now: now)
      advance(plan.cluster, now: now)
    case .create:
      // Once the nodes were asked to form the shard each may have done so, and only an end of it all could undo that.
      guard plan.steps.allSatisfy({ $0.command == nil }) else {
        throw CoordinatorError(
          .refused, refusal, why: "The nodes were asked already to form the shard, and some may have.", next: look)
      }
      rollBack(plan, reason: why, now: now)
    default:
      throw CoordinatorError(
        .refused, refusal,
        why: "Only what creates a cluster or adds a node can be taken back; a plan to \(plan.kind.deed) leaves every "
          + "node whole at each step.", next: wayOut(of: plan) ?? look)
    }
    return Decision(plan.id, flush())
  }

  /// The order that turns a plan round, nil if there is none.
  private func wayOut(of plan: PlanRecord) -> String? {
    let cluster = plan.cluster
    switch plan.kind {
    case .encrypt: return "To have it the other way round, which ends it: keyfold cluster decrypt \(cluster) --confirm"
    case .decrypt: return "To have it the other way round, which ends it: keyfold cluster encrypt \(cluster)"
    case .shutDown: return "To have it the other way round, which ends it: keyfold cluster start \(cluster)"
    case .start: return "To have it the other way round, which ends it: keyfold cluster shutdown \(cluster)"
    case .removeNode:
      return "Let it end, then add the node again: keyfold cluster add-node \(cluster) \(plan.subject?.text ?? "NODE")"
    case .create, .addNode, .rotateMasterKeys, .restart, .handOver, .initialSync, .recover, .changeCMK, .changeRegion:
      return nil
    }
  }
}
