// SPDX-License-Identifier: GPL-3.0-or-later

/// A plan as an operator sees it.
public struct PlanView: Sendable, Codable, Equatable {
  /// How a plan stands.
  public enum State: String, Sendable, Codable, CaseIterable {
    /// Nothing is being done now; `waitingReason` says why.
    case waiting
    /// A step is being worked on.
    case running
    /// All steps are done.
    case done
    /// A later wish of an operator replaced it.
    case superseded
    /// It ended without reaching its goal, and what it had begun is undone.
    case failed

    /// Whether nothing will change any more.
    public var isFinal: Bool { self == .done || self == .superseded || self == .failed }
  }

  /// Its id.
  public var id: PlanID
  /// What it does: `create`, `encrypt`, `rotate master keys`…
  public var kind: String
  /// The cluster.
  public var cluster: ClusterName
  /// How it stands.
  public var state: State
  /// Why it waits or why it failed.
  public var waitingReason: String?
  /// Why it was made, nil if an operator's order says it all.
  public var reason: String?
  /// When it was made.
  public var createdAt: OperatorTime?
  /// When it ended.
  public var finishedAt: OperatorTime?
  /// Its steps in order.
  public var steps: [PlanStepView]

  /// Makes a view of its parts.
  public init(
    id: PlanID, kind: String, cluster: ClusterName, state: State, waitingReason: String?, createdAt: OperatorTime?,
    finishedAt: OperatorTime?, steps: [PlanStepView], reason: String? = nil
  ) {
    self.id = id
    self.kind = kind
    self.cluster = cluster
    self.state = state
    self.waitingReason = waitingReason
    self.createdAt = createdAt
    self.finishedAt = finishedAt
    self.steps = steps
    self.reason = reason
  }

  /// Steps that are done, for a bar.
  public var stepsDone: Int { steps.count { $0.state == .done } }
}

/// One step of a plan as an operator sees it.
public struct PlanStepView: Sendable, Codable, Equatable {
  /// How a step stands.
  public enum State: String, Sendable, Codable, CaseIterable { case pending, waiting, running, done, failed }

  /// What it does: `re-sync into an encrypted generation`.
  public var title: String
  /// The node it is for, nil if for none.
  public var node: NodeName?
  /// How it stands.
  public var state: State
  /// The last thing known of it, empty if nothing.
  public var detail: String
  /// When it was begun.
  public var startedAt: OperatorTime?
  /// When it ended.
  public var finishedAt: OperatorTime?
  /// What the node says of its work, nil if it says nothing.
  public var progress: ProgressView?

  /// Makes a view of its parts.
  public init(
    title: String, node: NodeName?, state: State, detail: String, startedAt: OperatorTime?, finishedAt: OperatorTime?,
    progress: ProgressView?
  ) {
    self.title = title
    self.node = node
    self.state = state
    self.detail = detail
    self.startedAt = startedAt
    self.finishedAt = finishedAt
    self.progress = progress
  }
}

/// How far a node's long job is, with its rate and the time left.
public struct ProgressView: Sendable, Codable, Equatable {
  /// What is being done now: `copying`, `catching up`, `swapping`.
  public var stage: String
  /// Documents done.
  public var documentsDone: UInt64
  /// Documents in all, an estimate until the end; 0 while it is not known.
  public var documentsTotal: UInt64
  /// Bytes done.
  public var bytesDone: UInt64
  /// Bytes in all, as far as known; 0 while it is not.
  public var bytesTotal: UInt64
  /// What the node says besides: from whom it copies, whether the oplog will last; empty if nothing.
  public var remark: String
  /// Documents a second since the job began, 0 while unknown.
  public var documentsPerSecond: Double
  /// Bytes a second since the job began, 0 while unknown.
  public var bytesPerSecond: Double
  /// Seconds left at this rate, nil while unknown.
  public var secondsLeft: Double?

  /// Works out rate and time left of a report at `nowMilliseconds` since 1970.
  public init(_ work: WorkReport, nowMilliseconds: Int64) {
    stage = work.stage
    documentsDone = work.documentsDone
    documentsTotal = work.documentsTotal == 0 ? 0 : max(work.documentsTotal, work.documentsDone)
    bytesDone = work.bytesDone
    bytesTotal = work.bytesTotal == 0 ? 0 : max(work.bytesTotal, work.bytesDone)
    remark = work.remark
    let (elapsed, overflow) = nowMilliseconds.subtractingReportingOverflow(work.startedAtMilliseconds)
    let seconds = overflow || elapsed <= 0 ? 0 : Double(elapsed) / 1000
    // What an earlier attempt has copied took no time of this one.
    documentsPerSecond = seconds > 0 ? Double(documentsDone - min(documentsDone, work.documentsBefore)) / seconds : 0
    bytesPerSecond = seconds > 0 ? Double(bytesDone - min(bytesDone, work.bytesBefore)) / seconds : 0
    let isKnown = documentsTotal > 0 && documentsPerSecond > 0
    secondsLeft = isKnown ? Double(documentsTotal - documentsDone) / documentsPerSecond : nil
  }

  /// The part that is done, 0 to 1; 0 while the total is unknown.
  public var fraction: Double { documentsTotal == 0 ? 0 : Double(documentsDone) / Double(documentsTotal) }
}
