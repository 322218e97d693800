// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What operators decide on whom to trust; each decision is kept.
extension CoordinatorCore {
  /// An operator vouches for a node: for a second process that waits for its place, else for its keystore.
  ///
  /// What is approved is what was seen of it last; its agent opens nothing else. Throws `CoordinatorError` if the node
  /// is unknown, needs no approval, or is not heard of.
  public mutating func approveNode(
    _ name: NodeName, by admin: OperatorName, now: Instant
  ) throws(CoordinatorError) -> Decision<NodeRecord> {
    let node = try self.node(named: name)
    if let second = contacts[name]?.second {
      let before = contacts[name]?.report?.boot.text ?? "none"
      audit(
        "node approve", by: admin, on: name.text,
        "its place goes to the process of boot \(second.report.boot); before: boot \(before)", now: now)
      admitSecond(second, at: name, now: now)
    } else {
      guard let distrust = node.distrust else {
        throw CoordinatorError(
          .refused, "Node \(name) needs no approval.", why: "Its keystore is the one that is recorded.",
          next: "See it with: keyfold node show \(name)")
      }
      guard let contact = contacts[name], contact.isHeard(now: now), contact.report?.generation != nil else {
        throw CoordinatorError(
          .refused, "Node \(name) was not approved.",
          why: "It is not heard of now, so that nobody can tell what would be approved (\(distrust)).",
          next: "Start its agent and look at it: keyfold node show \(name)")
      }
      acceptKeystore(of: name, command: "node approve", by: admin, now: now)
    }
    if let cluster = node.cluster { advance(cluster, now: now) }
    let decided = try self.node(named: name)
    return Decision(decided, flush())
  }

  /// Records the keystore that a node reports as the one it has, whatever was recorded before.
  mutating func acceptKeystore(of name: NodeName, command: String, by admin: OperatorName, now: Instant) {
    guard var record = nodeRecords[name], let found = contacts[name]?.report?.generation, let distrust = record.distrust
    else { return }
    let before = record.generation.map { Self.words($0) } ?? "nothing"
    audit(
      command, by: admin, on: name.text, "\(distrust); accepted: \(Self.words(found)); recorded before: \(before)",
      now: now)
    accept(found, into: &record, now: now)
    record.distrust = nil
    record.isAhead = nil
    record.isKeystoreLost = nil
    put(record)
    contacts[name]?.assignmentSentAt = nil
    closeAlert(.keystoreDistrusted, subject: name.text, now: now)
  }

  private static func words(_ generation: GenerationReport) -> String {
    let key =
      generation.masterKeyID.map { ", master key \($0), check value \(generation.masterKeyCheckValue ?? "-")" } ?? ""
    return "generation \(generation.id), keystore version \(generation.keystoreVersion)\(key)"
  }
}
