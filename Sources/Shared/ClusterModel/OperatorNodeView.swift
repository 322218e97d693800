// SPDX-License-Identifier: GPL-3.0-or-later

/// A node as an operator sees it: what was enrolled and what it says of itself.
public struct NodeView: Sendable, Codable, Equatable {
  /// Its name.
  public var name: NodeName
  /// The cluster it belongs to, or is meant for until then; nil if for any.
  public var cluster: ClusterName?
  /// The project whose clusters alone may take it, nil if any may.
  public var project: ProjectName?
  /// Its CURVE public key in Z85.
  public var publicKey: String
  /// When it was enrolled.
  public var enrolledAt: OperatorTime?
  /// Whether it was heard from within the last heartbeats.
  public var connected: Bool
  /// When it was last heard from, nil if never.
  public var lastHeardAt: OperatorTime?
  /// Its phase in a word: `serving`, `awaiting KMS`, `disabled`…; `not heard of` before its first hello.
  public var phase: String
  /// The sentence behind the phase, where it has one.
  public var reason: String?
  /// Its part in the shard, nil while closed.
  public var role: MemberRole?
  /// The agent's version.
  public var agentVersion: String?
  /// This life of its process.
  public var boot: BootID?
  /// Where drivers connect, nil if it is not known; `driverPort` says whether that is bound.
  public var driverAddress: String?
  /// Where other members connect, nil while unbound.
  public var replicationAddress: String?
  /// Its live generation, nil if it has no data.
  public var generation: GenerationView?
  /// Superseded generations that are not yet destroyed.
  public var supersededGenerations: Int
  /// Its place in the oplog, nil while closed.
  public var oplog: OplogView?
  /// Its long job, nil if none.
  public var work: ProgressView?
  /// The version of the assignment it follows.
  public var assignmentVersion: UInt64
  /// The version of the IP list it holds.
  public var ipListVersion: UInt64
  /// Its last KMS check.
  public var lastCheck: CheckView?
  /// Why its keystore is not trusted, nil if it is.
  public var distrust: String?
  /// Why it needs an initial sync and what is being done about it, nil if it needs none.
  public var initialSync: String?
  /// Another process with this node's identity that waits for its place, nil if there is none.
  public var secondBoot: BootID?
  /// Damage found in its files.
  public var damage: [DamageReport]
  /// How drivers get in, nil if it has not said.
  public var driverPort: DriverPortReport?
  /// Where its scrub stands, nil while its engine is closed.
  public var scrub: ScrubView?
  /// The room on its disk, nil if it has not said.
  public var disk: DiskReport?
  /// Since when its key is refused, nil if it is let in.
  public var revokedAt: OperatorTime?

  /// How long ago the node proved that it could restart with the key in use, in seconds; nil if it has not.
  public var restartProofAgeSeconds: Int64?

  /// Makes a view of what was enrolled and of the node's last report, at `nowMilliseconds` since 1970.
  public init(
    name: NodeName, cluster: ClusterName?, publicKey: String, enrolledAt: OperatorTime?, connected: Bool,
    lastHeardAt: OperatorTime?, report: NodeReport?, distrust: String? = nil, initialSync: String? = nil,
    secondBoot: BootID? = nil,
    nowMilliseconds: Int64
  ) {
    self.name = name
    self.cluster = cluster
    self.publicKey = publicKey
    self.enrolledAt = enrolledAt
    self.connected = connected
    self.lastHeardAt = lastHeardAt
    phase = report?.phase.name ?? "not heard of"
    reason = report?.phase.reason
    if report?.phase == .empty, let refusal = report?.kmsRefusal {
      (phase, reason) = ("waiting for KMS access", refusal)
    }
    role = report?.replication?.role
    agentVersion = report?.agentVersion
    boot = report?.boot
    driverAddress = report.flatMap { $0.driverAddress.isEmpty ? nil : $0.driverAddress }
    replicationAddress = report.flatMap { $0.replicationAddress.isEmpty ? nil : $0.replicationAddress }
    generation = report?.generation.map { GenerationView($0) }
    supersededGenerations = report?.supersededGenerations ?? 0
    oplog = report?.replication.map { OplogView($0) }
    work = report?.work.map { ProgressView($0, nowMilliseconds: nowMilliseconds) }
    assignmentVersion = report?.assignmentVersion ?? 0
    ipListVersion = report?.ipListVersion ?? 0
    lastCheck = report?.lastCheck.map { CheckView($0.verdict, startedAtMilliseconds: $0.startedAtMilliseconds) }
    self.distrust = distrust
    self.initialSync = initialSync
    self.secondBoot = secondBoot
    damage = report?.damage ?? []
    driverPort = report?.driverPort
    scrub = report?.scrub.map { ScrubView($0) }
    disk = report?.disk
  }
}

/// A live generation as an operator sees it.
public struct GenerationView: Sendable, Codable, Equatable {
  /// The generation's id.
  public var id: GenerationID
  /// Whether its files are encrypted.
  public var encrypted: Bool
  /// The keystore's version counter, 0 when not encrypted.
  public var keystoreVersion: UInt64
  /// The master key in use, nil when not encrypted.
  public var masterKeyID: MasterKeyID?
  /// When the master key was made.
  public var masterKeyCreatedAt: OperatorTime?
  /// The CMK that wrapped the master key, nil when not encrypted.
  public var customerKeyID: String?

  /// Makes a view of a report.
  public init(_ report: GenerationReport) {
    id = report.id
    encrypted = report.encrypted
    keystoreVersion = report.keystoreVersion
    masterKeyID = report.masterKeyID
    masterKeyCreatedAt = OperatorTime(known: report.masterKeyCreatedAtMilliseconds)
    customerKeyID = report.customerKeyID
  }
}

/// A member's place in its shard's oplog as an operator sees it.
public struct OplogView: Sendable, Codable, Equatable {
  /// The Raft term.
  public var term: UInt64
  /// The primary it knows of.
  public var primary: NodeName?
  /// The last index on its disk.
  public var lastIndex: UInt64
  /// The last index it knows to be committed.
  public var commitIndex: UInt64
  /// The last index its data holds.
  public var appliedIndex: UInt64
  /// The index of the first entry it keeps, nil from an agent that does not say so.
  public var firstIndex: UInt64?
  /// How many bytes its entries have, before compression.
  public var bytes: UInt64?
  /// The seconds from its first entry to its last: how long a member may be away and still catch up.
  public var windowSeconds: UInt64?
  /// Whether it can't catch up from the primary's oplog and has to copy everything anew.
  public var needsInitialSync: Bool
  /// Whether it lost what it had acknowledged, and neither votes nor campaigns until it has caught up.
  public var recovering: Bool

  /// Makes a view of a report.
  public init(_ report: ReplicationReport) {
    term = report.term
    primary = report.primary
    lastIndex = report.lastIndex
    commitIndex = report.commitIndex
    appliedIndex = report.appliedIndex
    firstIndex = report.oplog?.firstIndex
    bytes = report.oplog?.bytes
    windowSeconds = report.oplog?.windowSeconds
    needsInitialSync = report.needsInitialSync
    recovering = report.isRecovering
  }
}
