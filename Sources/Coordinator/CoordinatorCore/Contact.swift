// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// What this life of the coordinator knows of a node's link and of its last words.
struct Contact: Sendable {
  /// The newest report, or the stored one before the first of this life.
  @Boxed var report: NodeReport?
  /// The node's last check of its key, also of an earlier life of its process that has made none yet: for operators.
  /// What is decided is decided by the check in `report`.
  @Boxed var lastCheck: CheckReport?
  /// When the node was heard last in this life, nil if never.
  var heardAt: Instant?
  /// When this life of the node's process said hello first.
  var helloAt: Instant?
  /// How often this life of the coordinator was said hello to.
  var hellos = 0
  /// Whether its link is up.
  var connected = false
  /// Its commit index as it reported it, oldest first; tells how far behind in time another member is.
  var commits: [CommitSample] = []
  /// When the assignment was sent last.
  var assignmentSentAt: Instant?
  /// What was sent then.
  @Boxed var assignmentSent: NodeAssignment? = nil
  /// When the IP list was sent last.
  var addressesSentAt: Instant?
  /// The address its link comes from, nil if that is not known in this life.
  var address: String?
  /// What the node said of the audit record's end since its last hello.
  @Boxed var witness: AuditWitness? = nil
  /// When its contradiction went into the record last.
  var contradictionAuditedAt: Instant?
  /// When it was told where the record ends, since its last hello.
  var auditToldAt: Instant?
  /// How many uses of KMS keys it may have recorded now.
  var keyUseAllowance = KeyUseAllowance()
  /// When it was told to join last and the KMS gave it no key.
  var kmsRefusedAt: Instant?
  /// Another process with the node's identity, which waits for its turn.
  @Boxed var second: SecondIncarnation? = nil
  /// How many checks of the node in a row could not ask the KMS.
  var outageChecks = 0
  /// When the last of them began.
  var outageCheckStartedAt: Int64?
  /// Whether this life of the process follows an epoch that this store never gave out.
  var isAheadOfStore = false

  struct CommitSample: Sendable {
    var at: Instant
    var index: UInt64
  }

  /// How far the node's data reaches by what it said in this life of the coordinator.
  var held: HeldPosition?
  /// When that was made durable last.
  var heldPersistedAt: Instant?
  /// How far it reached by what was known when this life of its process said hello first.
  var heldBefore: HeldPosition?
  /// Which life that is.
  var openedBoot: BootID?

  /// The start slot it asked for last, and when it was told of it.
  var slotRequest: String?
  var slotToldAt: Instant?

  init(report: NodeReport?) {
    self.report = report
    lastCheck = report?.lastCheck
  }

  /// Whether the node was heard of within the limit of silence and its link is up. A word of the future is from before
  /// the clock was set back, and says nothing.
  func isHeard(now: Instant) -> Bool {
    guard connected, let heardAt else { return false }
    return (.zero...CoordinatorLimits.silence).contains(now - heardAt)
  }

  mutating func hear(_ report: NodeReport, now: Instant) {
    self.report = report
    lastCheck = report.lastCheck ?? lastCheck
    heardAt = now
    connected = true
    guard let replication = report.replication else { return commits.removeAll() }
    commits.append(CommitSample(at: now, index: replication.commitIndex))
    if commits.count > CoordinatorLimits.commitSamples { commits.removeFirst() }
  }
}

/// A process that said hello as a node while another one had the node's place.
struct SecondIncarnation: Sendable {
  /// Its newest report.
  var report: NodeReport
  /// When it said hello.
  var since: Instant
  /// When it was heard last.
  var heardAt: Instant
  /// Whether both were seen to run at once: then only an operator can give it the place.
  var isRefused: Bool
  /// When it was told so last.
  var toldAt: Instant?
  /// Whether it follows an epoch that this store never gave out.
  var isAheadOfStore: Bool
}

/// How the asking for one command stands in this life of the coordinator.
struct Delivery: Sendable {
  /// How often it was sent.
  var sends = 0
  /// When it was sent last.
  var sentAt: Instant
  /// How often the node had said hello by then; another hello since means that nothing before counts.
  var hellos = 0
  /// The newest answer.
  var answer: CommandOutcome?
  /// When that came.
  var answeredAt: Instant?
  /// How often it was answered.
  var answers = 0
  /// Why the attempt before this one came to nothing; shown until there is an answer to this one.
  var trouble: String?
}

/// When the key of a project is checked.
struct CheckSchedule: Sendable {
  /// When the next check is due.
  var dueAt: Instant
  /// When the check under way was asked for, nil if none is.
  var askedAt: Instant?
  /// When nodes were last asked to confirm a revocation.
  var confirmationAskedAt: Instant?
  /// Since when they have been asked to confirm the one in hand.
  var unconfirmedSince: Instant?
  /// How far the nodes that are asked to look without waiting for a slot have come, so that others are each time.
  var looksAskedAtOnce = 0
  /// How often in a row wrapping or describing failed.
  var useFailures = 0
}
