// SPDX-License-Identifier: GPL-3.0-or-later

/// Every number the coordinator's decisions depend on.
public enum CoordinatorLimits {
  /// How often an agent is expected to send a heartbeat.
  public static let heartbeatInterval = Duration.seconds(2)
  /// After this long without a word a node counts as not heard of: five heartbeats.
  public static let silence = Duration.seconds(10)
  /// After this long without a word a node is worth an alert.
  public static let silenceAlert = Duration.seconds(60)
  /// How long after its start the coordinator keeps a node's place for the process that had it before.
  public static let returnWindow = Duration.seconds(6)
  /// How long after a second process of a node said hello a word of the first proves that both run; longer than any
  /// message is on its way.
  public static let incarnationProof = Duration.seconds(6)
  /// How often the shell calls `onTick`.
  public static let tickInterval = Duration.seconds(1)

  /// The first wait for an answer to a command; doubles at each repetition.
  public static let firstResend = Duration.seconds(3)
  /// The longest wait between two sends of one command.
  public static let longestResend = Duration.seconds(30)
  /// How long after an answer the reports may still show the state before it.
  public static let observationGrace = Duration.seconds(8)
  /// How often one id is answered without effect before the command is asked anew under another id.
  public static let answeredSendsPerID = 3
  /// The first wait after a failure before the command is asked anew; doubles at each failure.
  public static let firstRetry = Duration.seconds(5)
  /// The longest wait between two attempts.
  public static let longestRetry = Duration.seconds(120)
  /// The wait after a refusal of something that still fits what the node reports.
  public static let refusedRetry = Duration.seconds(30)
  /// How often an assignment or IP list is sent again to a node that reports an older one.
  public static let versionResend = Duration.seconds(5)

  /// How often a node that waits for a start slot is told again when it comes, and how many are before it.
  public static let slotRepeat = Duration.seconds(5)

  /// How many nodes are asked at once to look at their key; the others are as their slots come. A lock-out needs one.
  public static let looksAtOnce = 10

  /// How long a node that fails is asked again to start before the plan gives up on it.
  public static let startPatience = Duration.seconds(60)
  /// How long a node that is not heard of is waited for when others of its cluster were started: time for a machine to
  /// come up.
  public static let absencePatience = Duration.seconds(5 * 60)

  /// How far behind in time a secondary may be and still count as caught up.
  public static let caughtUpWindow = Duration.seconds(15)
  /// Samples of a node's commit index that are kept to measure that.
  static let commitSamples = 16

  /// How often the key of a project is checked; each check comes up to `checkJitter` later.
  public static let checkInterval = Duration.seconds(15 * 60)
  /// The random part of the interval between checks.
  public static let checkJitter = Duration.seconds(60)
  /// How often a key is checked while the last check was not valid, so that a cluster comes back by itself soon.
  public static let troubledCheckInterval = Duration.seconds(60)
  /// A check without an answer for this long counts as lost.
  public static let checkDeadline = Duration.seconds(90)
  /// How many checks in a row have to find the KMS out of reach before it is an alert: one that flaps is none.
  public static let outageChecks = 2
  /// Two checks confirm one another if both began within this span before now.
  public static let confirmationWindow = Duration.seconds(10 * 60)
  /// How old a node's check may be and still be what it sees: one interval with its jitter, and the check itself.
  public static let presentSight = Duration.seconds(18 * 60)
  /// How often nodes are asked to confirm a revocation.
  public static let confirmationRetry = Duration.seconds(15)
  /// How far a node's clock may be ahead of the coordinator's; a check that seems to have begun later still is from
  /// before a clock was set back, and says nothing.
  public static let clockTolerance = Duration.seconds(4 * 60)
  /// How old a valid check may be as proof that a node can start again: one check.
  public static let proofAge = Duration.seconds(15 * 60)

  /// How old a master key may become unless the project says otherwise, in days.
  public static let rotationDays = 90
  /// How old it may be allowed to become, in days.
  public static let rotationDaysAllowed = 1...365
  /// By how much a rotation is put off at once.
  public static let deferral = Duration.seconds(7 * 86_400)
  /// How often, then it starts by itself.
  public static let maximumDeferrals = 2
  /// How long before its start a rotation can be put off first.
  public static let deferralNotice = Duration.seconds(14 * 86_400)
  /// No deferral reaches further: the notice, two deferrals, and an hour of daylight saving.
  static let furthestDeferral = Duration.seconds(29 * 86_400)
  /// How many rotations of a project that started by themselves are under way at once: their calls stay far below any
  /// KMS's quota, whatever a clock does.
  public static let rotationsAtOnce = 4
  /// How often it is looked whose keys are old.
  public static let rotationLook = Duration.seconds(10)
  /// How long after a rotation that started by itself no other one does: a wrong clock costs one a day.
  static let rotationPause = Duration.seconds(86_400)
  /// After how many days of one customer's key it is an alert unless the project says otherwise.
  public static let keyAlertDays = 90
  /// After how many days it may be one at most: ten years.
  public static let maximumKeyAlertDays = 3650
  /// How old what the store says of a node's oplog may become while the node is heard.
  static let heldPersistence = Duration.seconds(60)
  /// How long the alert of a loss of acknowledged writes is shown: a week.
  public static let lossAlert = Duration.seconds(7 * 24 * 60 * 60)
  /// How old the proof that a node could restart may become before it is an alert: four checks.
  public static let restartProofAlert = Duration.seconds(60 * 60)

  /// The first wait before a mail that the server did not take is tried again; doubles at each failure.
  public static let firstMailRetry = Duration.seconds(30)
  /// The longest wait between two attempts.
  public static let longestMailRetry = Duration.seconds(60 * 60)
  /// A mail that nobody took for so long is given up, if it was tried `mailAlertAttempts` times (RFC 5321, section
  /// 4.5.4.1: four to five days).
  public static let mailPatience = Duration.seconds(5 * 24 * 60 * 60)
  /// After so many failed attempts it is an alert.
  static let mailAlertAttempts = 3
  /// How many mails are on their way to the server at once.
  static let mailsAtOnce = 4
  /// The longest certificate authority of a mail server in bytes.
  static let maximumMailAuthority = 1 << 18
  /// Mails of one project that wait to be sent; the oldest are given up for newer ones.
  static let openMails = 100
  /// Mails that are through kept for operators.
  static let finishedMails = 100

  /// A cluster that could not begin to form its shard within so much of the time that really passed is rolled back.
  public static let createDeadline = Duration.seconds(30 * 60)

  /// A node that could not join its cluster by then is given up again, unless the order says otherwise.
  public static let addNodeDeadline = Duration.seconds(3 * 24 * 60 * 60)
  /// The longest that an order may say.
  public static let longestAddNodeDeadline = Duration.seconds(90 * 24 * 60 * 60)
  /// The longest wait before a new node whose address the KMS refused asks it again.
  static let longestKMSWait = Duration.seconds(5 * 60)

  /// How long a node is believed that it did what a plan had asked of it before another replaced that plan.
  static let replacedPlanMemory = Duration.seconds(24 * 60 * 60)
  /// What passes between two ticks at most: a clock that goes on by more was set ahead, or nothing ran.
  static let longestTick = Duration.seconds(5)
  /// How much older a plan gets before that is kept: what a coordinator that starts again has lost of it at most.
  static let ageStep = Duration.seconds(30)

  /// How many terms may have begun since the reports by which a lost vote is judged: the node may have voted in one
  /// that no report shows yet. Terms cost nothing, and the node unseats its primary once in any case.
  public static let unseenTerms: UInt64 = 64
  /// How many initial syncs of one node are made without an operator within `initialSyncWindow`: a node that needs more
  /// has a disk that should be looked at.
  public static let initialSyncsPerWindow = 12
  /// See `initialSyncsPerWindow`.
  public static let initialSyncWindow = Duration.seconds(60 * 60)

  /// The most nodes of one coordinator.
  public static let maximumNodes = 10_000
  /// The most operators of one coordinator, removed ones included: their keys stay refused.
  public static let maximumOperators = 1000
  /// Tokens for enrolment that are remembered at once.
  public static let maximumTokens = 1000
  /// How long a token is remembered after its end, so that whoever comes with it hears what became of it.
  public static let tokenMemory = Duration.seconds(24 * 60 * 60)
  /// How many refused looks of one operator are kept one by one within `refusedLooksSpan`; more are counted.
  public static let refusedLooksKept = 5
  /// The time after which refused looks of an operator are summed up.
  public static let refusedLooksSpan = Duration.seconds(60)
  /// How many changes of one node's keys are in the audit record one by one within `keyChangesSpan`; more are counted.
  public static let keyChangesKept = 20
  /// The time after which changes of a node's keys are summed up.
  public static let keyChangesSpan = Duration.seconds(60 * 60)
  /// How often one life of the coordinator gives the answer to a spent token again, to an agent that did not hear it.
  public static let tokenRepeats = 20
  /// How often a token may be refused before nobody is heard with it any more.
  public static let tokenRefusals = 5
  /// The most projects of one coordinator.
  public static let maximumProjects = 1000
  /// The most mail addresses of one project's owners.
  public static let maximumOwners = 32
  /// The longest mail address in bytes (RFC 5321, section 4.5.3.1.3).
  public static let maximumMailAddress = 254
  /// The most keys a node may report.
  public static let maximumKeysPerNode = 20_000
  /// Master keys remembered per node.
  static let masterKeyHistory = 32
  /// Superseded generations and lives remembered per node.
  static let generationHistory = 16
  /// How far above its own version of an assignment a node's may be and still be believed.
  static let furthestAssignment: UInt64 = 1 << 20
  /// How often one node's contradiction goes into the audit record.
  static let contradictionInterval = Duration.seconds(60 * 60)
  /// How often nodes are told where the audit record ends, if it went on.
  public static let auditHeadInterval = Duration.seconds(60)
  /// How many uses of KMS keys of one node are taken at once: all that a node keeps while there is no coordinator.
  public static let keyUsesAtOnce = 1200
  /// How many go on being taken in an hour. A node whose KMS can't be reached makes about 60; one that wanted to fill
  /// the audit record needs half a year, and what it is not asked for it counts as lost.
  public static let keyUsesPerHour = 240
  /// Lives of a node's process whose uses are known again when they are reported once more.
  static let keyUseLives = 16
  /// How many bytes have to be free beside a copy and the tenth that it may be larger than its source: its journal, and
  /// what is written meanwhile.
  public static let copyReserve: UInt64 = 64 << 20
  /// Finished plans kept for operators.
  static let finishedPlans = 200
  /// Closed alerts kept for operators.
  static let closedAlerts = 200
  /// Steps a plan may grow to by hand-overs and proofs.
  static let maximumSteps = 64
  /// Decisions taken for one cluster in one input.
  static let maximumMoves = 32
  /// The longest text of an agent that is kept, in characters.
  static let maximumReasonLength = 500

  /// The longest time for which an access entry is added that ends by itself, in hours: a year.
  public static let longestAccessHours = 366 * 24
  /// The longest comment of an access entry, in characters.
  public static let maximumAccessComment = 80
}
