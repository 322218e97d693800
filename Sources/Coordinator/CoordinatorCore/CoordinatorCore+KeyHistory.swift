// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What changed about one node's keys within one span of time, beyond what the audit record has of it.
struct KeyHistory: Sendable {
  /// When the first of it was.
  var since: Instant
  /// How many changes are in the audit record, each by itself.
  var kept = 0
  /// How many are only counted.
  var counted = 0
  /// The keystore's version before keys below the master key were made or destroyed, nil if none were.
  var firstVersion: UInt64?
  /// What the node has now.
  var last: GenerationReport
}

/// What became of every key, in the audit record: which master key a node used when and under which customer key, what
/// a customer key's verdict was, and which plans changed keys.
///
/// A node that changes its mind with every report must not push decisions out of the record: of one node only so many
/// changes of an hour are kept one by one, the others are counted, and the last state is kept with their number. That
/// count is lost if the coordinator crashes.
extension CoordinatorCore {
  /// A node's live generation is recorded anew.
  mutating func noteHistory(
    of node: NodeName, from before: GenerationReport?, to found: GenerationReport, now: Instant
  ) {
    let change = Self.change(from: before, to: found)
    let isNewVersion = change == nil && before?.id == found.id && before?.keystoreVersion != found.keystoreVersion
    guard change != nil || isNewVersion else { return }
    closeHistory(of: node, now: now)
    var history = keyHistories[node] ?? KeyHistory(since: now, last: found)
    history.last = found
    if isNewVersion { history.firstVersion = history.firstVersion ?? before?.keystoreVersion }
    if let change { keep(change.action, change.detail, of: node, &history, now: now) }
    keyHistories[node] = history
  }

  /// A node reports; encrypted generations that it had and has no longer are gone with their keys.
  mutating func noteGenerations(of node: NodeName, from before: NodeReport?, to report: NodeReport, now: Instant) {
    guard nodeRecords[node]?.distrust == nil, let live = report.generation else { return }
    let left = Set([live.id] + (report.otherGenerations ?? []).map(\.id))
    let had = [before?.generation].compactMap(\.self) + (before?.otherGenerations ?? [])
    for gone in had where gone.encrypted && !left.contains(gone.id) {
      closeHistory(of: node, now: now)
      var history = keyHistories[node] ?? KeyHistory(since: now, last: live)
      keep("generation gone", "with its keys: \(Self.keyWords(gone))", of: node, &history, now: now)
      keyHistories[node] = history
    }
  }

  /// Sums up what was only counted, once its hour is over.
  mutating func attendKeyHistories(now: Instant) {
    for node in keyHistories.keys.sorted() { closeHistory(of: node, now: now) }
  }

  private mutating func keep(
    _ action: String, _ detail: String, of node: NodeName, _ history: inout KeyHistory, now: Instant
  ) {
    guard history.kept < CoordinatorLimits.keyChangesKept else { return history.counted += 1 }
    history.kept += 1
    audit(action, on: node.text, detail, now: now)
  }

  private mutating func closeHistory(of node: NodeName, now: Instant) {
    guard let history = keyHistories[node], !now.isWithin(CoordinatorLimits.keyChangesSpan, after: history.since) else {
      return
    }
    keyHistories[node] = nil
    var parts: [String] = []
    if history.counted > 0 { parts.append("\(history.counted) more changes of its keys within an hour") }
    if let first = history.firstVersion {
      parts.append("keys below the master key were made or destroyed since keystore version \(first)")
    }
    guard !parts.isEmpty else { return }
    audit("keystore changed", on: node.text, (parts + [Self.keyWords(history.last)]).joined(separator: "; "), now: now)
  }

  /// What of two states of a node's keys is worth an entry of its own, nil if nothing.
  private static func change(
    from before: GenerationReport?, to found: GenerationReport
  ) -> (action: String, detail: String)? {
    guard let before else { return found.encrypted ? ("keystore recorded", keyWords(found)) : nil }
    guard before.encrypted || found.encrypted else { return nil }
    let words = "\(keyWords(found)); before: \(keyWords(before))"
    if before.id != found.id { return ("generation replaced", words) }
    if before.masterKeyID != found.masterKeyID || before.masterKeyCheckValue != found.masterKeyCheckValue {
      return ("master key replaced", words)
    }
    return before.customerKeyID == found.customerKeyID ? nil : ("master key wrapped anew", words)
  }

  private static func keyWords(_ generation: GenerationReport) -> String {
    guard generation.encrypted else { return "generation \(generation.id), not encrypted" }
    return "generation \(generation.id), keystore version \(generation.keystoreVersion), master key "
      + "\(generation.masterKeyID?.text ?? "-"), check value \(generation.masterKeyCheckValue ?? "-"), under "
      + (generation.customerKeyID ?? "-")
  }

  // MARK: Verdicts

  /// The coordinator looked at a customer key. An outage says nothing of the key; a verdict that is another than the
  /// last one before it is kept, also if nobody is locked out by it.
  mutating func noteVerdict(_ report: CheckReport, before: CheckReport?, of project: ProjectName, now: Instant) {
    let topic = Self.subject(of: report.customerKeyID, in: project)
    if keyVerdicts[topic] == nil, let before, before.verdict.isOfKey { keyVerdicts[topic] = before.verdict }
    guard report.verdict.isOfKey else { return }
    let known = keyVerdicts[topic] ?? .valid
    keyVerdicts[topic] = report.verdict
    guard Self.verdictWord(known) != Self.verdictWord(report.verdict) else { return }
    var detail = ""
    if case .revoked(_, let text) = report.verdict { detail = ": \(Self.bounded(text))" }
    audit(
      "kms key state", on: report.customerKeyID,
      "project \(project): \(Self.verdictWord(report.verdict))\(detail); before: \(Self.verdictWord(known))", now: now)
  }

  private static func verdictWord(_ verdict: Verdict) -> String {
    switch verdict {
    case .valid: "valid"
    case .revoked(let reason, _): "revoked (\(reason.rawValue))"
    case .unreachable(let reason, _): "unreachable (\(reason.rawValue))"
    }
  }

  // MARK: Plans

  /// A plan that makes, replaces or destroys keys began or ended.
  mutating func notePlan(_ plan: PlanRecord, _ outcome: PlanOutcome? = nil, now: Instant) {
    guard plan.kind.isOfKeys else { return }
    let what = "\(plan.kind.title), plan \(plan.id)"
    guard let outcome else {
      return audit("plan made", on: plan.cluster.text, what + (plan.reason.map { ": \($0)" } ?? ""), now: now)
    }
    let end =
      switch outcome {
      case .succeeded: "succeeded"
      case .superseded(let reason): "superseded: \(reason)"
      case .rolledBack(let reason): "rolled back: \(reason)"
      case .gaveUp(let reason): "given up: \(reason)"
      }
    audit("plan ended", on: plan.cluster.text, "\(what): \(end)", now: now)
  }
}

extension PlanKind {
  /// Whether it makes, replaces or destroys keys of nodes that stay.
  var isOfKeys: Bool { isKeyChange || self == .rotateMasterKeys || self == .encrypt || self == .decrypt }
}

extension Verdict {
  /// Whether it says something of the key itself.
  fileprivate var isOfKey: Bool { if case .unreachable = self { false } else { true } }
}
