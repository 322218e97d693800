// SPDX-License-Identifier: GPL-3.0-or-later

/// Where a node's life stands; every phase says how it ends.
public enum NodePhase: Sendable, Codable, Equatable {
  /// The agent runs but has no settings yet; ends with the coordinator's first assignment.
  case awaitingSettings
  /// Settings are known, no data exists and no shard was formed yet; ends with `formShard`.
  case empty
  /// The KMS could not be asked for the master key; tries again by itself until the KMS answers.
  case awaitingKMS(reason: String)
  /// The engine is being opened and the oplog replayed; ends in `serving` or `failed`.
  case opening
  /// Drivers are served and the node takes part in its shard.
  case serving
  /// A revoked key locked the node out; ends at the next valid check.
  case disabled(reason: String)
  /// An operator shut the cluster down; ends with `startDatabase`.
  case stopped
  /// The data or its keys are damaged; needs an operator or a new initial sync.
  case failed(reason: String)
  /// The coordinator gives this node no KMS settings: its keystore is older than recorded or unknown, or another agent
  /// has its identity; ends with an operator's approval or a new initial sync.
  case notApproved(reason: String)

  /// The phase's name as operators see it.
  public var name: String {
    switch self {
    case .awaitingSettings: "awaiting settings"
    case .empty: "empty"
    case .awaitingKMS: "awaiting KMS"
    case .opening: "opening"
    case .serving: "serving"
    case .disabled: "disabled"
    case .stopped: "stopped"
    case .failed: "failed"
    case .notApproved: "not approved"
    }
  }

  /// The sentence behind the phase, where it has one.
  public var reason: String? {
    switch self {
    case .awaitingKMS(let reason), .disabled(let reason), .failed(let reason), .notApproved(let reason): reason
    case .awaitingSettings, .empty, .opening, .serving, .stopped: nil
    }
  }
}

/// A member's part in its shard, in the words shown outside.
public enum MemberRole: String, Sendable, Codable { case primary, secondary, candidate, learner }

/// What a node's live generation is and under which keys.
public struct GenerationReport: Sendable, Codable, Equatable {
  /// The live generation.
  public var id: GenerationID
  /// Whether its files are encrypted.
  public var encrypted: Bool
  /// The keystore's version counter, 0 when not encrypted.
  public var keystoreVersion: UInt64
  /// The master key in use, nil when not encrypted.
  public var masterKeyID: MasterKeyID?
  /// The master key's check value in hex, nil when not encrypted.
  public var masterKeyCheckValue: String?
  /// The CMK that wrapped the master key, nil when not encrypted.
  public var customerKeyID: String?
  /// When the master key was made, milliseconds since 1970; 0 when not encrypted.
  public var masterKeyCreatedAtMilliseconds: Int64

  /// Makes a report of its parts.
  public init(
    id: GenerationID, encrypted: Bool, keystoreVersion: UInt64 = 0, masterKeyID: MasterKeyID? = nil,
    masterKeyCheckValue: String? = nil, customerKeyID: String? = nil, masterKeyCreatedAtMilliseconds: Int64 = 0
  ) {
    self.id = id
    self.encrypted = encrypted
    self.keystoreVersion = keystoreVersion
    self.masterKeyID = masterKeyID
    self.masterKeyCheckValue = masterKeyCheckValue
    self.customerKeyID = customerKeyID
    self.masterKeyCreatedAtMilliseconds = masterKeyCreatedAtMilliseconds
  }
}

/// One key below a master key, as shown in `keyfold keys tree`.
public struct KeyReport: Sendable, Codable, Equatable {
  /// The key's id, `<scope>.<uuid>`.
  public var id: KeyID
  /// When it was made, milliseconds since 1970.
  public var createdAtMilliseconds: Int64

  /// Makes a report of its parts.
  public init(id: KeyID, createdAtMilliseconds: Int64) {
    self.id = id
    self.createdAtMilliseconds = createdAtMilliseconds
  }
}

/// What a member's oplog holds.
public struct OplogReport: Sendable, Codable, Equatable {
  /// The index of its first entry; one beyond the last if it is empty.
  public var firstIndex: UInt64
  /// The term of the entry before the first.
  public var baseTerm: UInt64
  /// The term of its last entry.
  public var lastTerm: UInt64
  /// How many bytes its entries have, before compression.
  public var bytes: UInt64
  /// The time from its first entry to its last: how long a member may be away and still catch up.
  public var windowSeconds: UInt64

  /// Makes a report of its parts.
  public init(firstIndex: UInt64, baseTerm: UInt64, lastTerm: UInt64, bytes: UInt64, windowSeconds: UInt64) {
    self.firstIndex = firstIndex
    self.baseTerm = baseTerm
    self.lastTerm = lastTerm
    self.bytes = bytes
    self.windowSeconds = windowSeconds
  }
}

/// Where a member stands in its shard's oplog.
public struct ReplicationReport: Sendable, Codable, Equatable {
  /// The member's part.
  public var role: MemberRole
  /// The Raft term it is in.
  public var term: UInt64
  /// The primary it knows of.
  public var primary: NodeName?
  /// The last oplog index on its disk.
  public var lastIndex: UInt64
  /// The last index it knows to be committed.
  public var commitIndex: UInt64
  /// The last index its data holds.
  public var appliedIndex: UInt64
  /// What its oplog holds; nil from an agent that does not say so.
  public var oplog: OplogReport?
  /// Whether it can't catch up from the primary's oplog, which starts too late for it.
  public var needsInitialSync: Bool
  /// Whether it lost what it had acknowledged: it neither votes nor campaigns until it has caught up.
  public var isRecovering: Bool
  /// The term of its last entry, nil if it has none; with `lastIndex` it tells whose log is further.
  public var lastTerm: UInt64?
  /// Whether it alone votes in its shard; nil is no.
  public var isSoleVoter: Bool?
  /// Who belongs to the shard, voters and learners, as far as that is committed; nil while it is not.
  public var members: [NodeName]?
  /// Who votes in its shard as far as it knows, nil from an agent that does not say so.
  public var voters: [NodeName]?

  /// Makes a report of its parts.
  public init(
    role: MemberRole, term: UInt64, primary: NodeName?, lastIndex: UInt64, commitIndex: UInt64, appliedIndex: UInt64,
    oplog: OplogReport? = nil, needsInitialSync: Bool = false, isRecovering: Bool = false
  ) {
    self.role = role
    self.term = term
    self.primary = primary
    self.lastIndex = lastIndex
    self.commitIndex = commitIndex
    self.appliedIndex = appliedIndex
    self.oplog = oplog
    self.needsInitialSync = needsInitialSync
    self.isRecovering = isRecovering
  }

  /// Decodes a report; what an older version did not know is as if it were not so.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      role: try values.decode(MemberRole.self, forKey: .role), term: try values.decode(UInt64.self, forKey: .term),
      primary: try values.decodeIfPresent(NodeName.self, forKey: .primary),
      lastIndex: try values.decode(UInt64.self, forKey: .lastIndex),
      commitIndex: try values.decode(UInt64.self, forKey: .commitIndex),
      appliedIndex: try values.decode(UInt64.self, forKey: .appliedIndex),
      oplog: try values.decodeIfPresent(OplogReport.self, forKey: .oplog),
      needsInitialSync: try values.decodeIfPresent(Bool.self, forKey: .needsInitialSync) ?? false,
      isRecovering: try values.decodeIfPresent(Bool.self, forKey: .isRecovering) ?? false)
    lastTerm = try values.decodeIfPresent(UInt64.self, forKey: .lastTerm)
    isSoleVoter = try values.decodeIfPresent(Bool.self, forKey: .isSoleVoter)
    members = try values.decodeIfPresent([NodeName].self, forKey: .members)
    voters = try values.decodeIfPresent([NodeName].self, forKey: .voters)
  }
}

/// A long job on a node, with what is needed to show rate and time left.
public struct WorkReport: Sendable, Codable, Equatable {
  /// The command that asked for it.
  public var command: CommandID
  /// What is being done now, for an operator: "copying", "catching up", "swapping".
  public var stage: String
  /// Documents copied so far.
  public var documentsDone: UInt64
  /// Documents there are in all, as far as known.
  public var documentsTotal: UInt64
  /// Bytes copied so far.
  public var bytesDone: UInt64
  /// Bytes there are in all, as far as known; 0 while it is not.
  public var bytesTotal: UInt64
  /// When the job began, milliseconds since 1970.
  public var startedAtMilliseconds: Int64
  /// What an operator should know of it, empty if nothing: from whom it copies, that the oplog may not reach.
  public var remark: String
  /// Those of the documents that an earlier attempt has copied: they say nothing of the rate.
  public var documentsBefore: UInt64
  /// Those of the bytes that an earlier attempt has copied.
  public var bytesBefore: UInt64

  /// Makes a report of its parts.
  public init(
    command: CommandID, stage: String, documentsDone: UInt64, documentsTotal: UInt64, bytesDone: UInt64,
    startedAtMilliseconds: Int64, bytesTotal: UInt64 = 0, remark: String = "", documentsBefore: UInt64 = 0,
    bytesBefore: UInt64 = 0
  ) {
    self.command = command
    self.stage = stage
    self.documentsDone = documentsDone
    self.documentsTotal = documentsTotal
    self.bytesDone = bytesDone
    self.startedAtMilliseconds = startedAtMilliseconds
    self.bytesTotal = bytesTotal
    self.remark = remark
    self.documentsBefore = documentsBefore
    self.bytesBefore = bytesBefore
  }

  /// Decodes a report; what an older version did not know is not known.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      command: try values.decode(CommandID.self, forKey: .command),
      stage: try values.decode(String.self, forKey: .stage),
      documentsDone: try values.decode(UInt64.self, forKey: .documentsDone),
      documentsTotal: try values.decode(UInt64.self, forKey: .documentsTotal),
      bytesDone: try values.decode(UInt64.self, forKey: .bytesDone),
      startedAtMilliseconds: try values.decode(Int64.self, forKey: .startedAtMilliseconds),
      bytesTotal: try values.decodeIfPresent(UInt64.self, forKey: .bytesTotal) ?? 0,
      remark: try values.decodeIfPresent(String.self, forKey: .remark) ?? "",
      documentsBefore: try values.decodeIfPresent(UInt64.self, forKey: .documentsBefore) ?? 0,
      bytesBefore: try values.decodeIfPresent(UInt64.self, forKey: .bytesBefore) ?? 0)
  }
}

/// What one KMS check on a node said, of which key, under which settings.
public struct CheckReport: Sendable, Codable, Equatable {
  /// What the check said.
  public var verdict: Verdict
  /// The CMK that was asked.
  public var customerKeyID: String
  /// The version of the settings it ran under; older versions are dropped.
  public var settingsVersion: UInt64
  /// When it began, milliseconds since 1970.
  public var startedAtMilliseconds: Int64
  /// The other region that answered because the key's own is out, nil if its own answered or none did.
  public var answeredElsewhere: String?

  /// Makes a report of its parts.
  public init(
    verdict: Verdict, customerKeyID: String, settingsVersion: UInt64, startedAtMilliseconds: Int64,
    answeredElsewhere: String? = nil
  ) {
    self.answeredElsewhere = answeredElsewhere
    self.verdict = verdict
    self.customerKeyID = customerKeyID
    self.settingsVersion = settingsVersion
    self.startedAtMilliseconds = startedAtMilliseconds
  }
}

/// All a node says of itself in a hello and in every heartbeat.
public struct NodeReport: Sendable, Codable, Equatable {
  /// The node.
  public var node: NodeName
  /// This life of its process.
  public var boot: BootID
  /// The agent's version.
  public var agentVersion: String
  /// Where its life stands.
  public var phase: NodePhase
  /// Where drivers connect, `host:port`, also while the port is not bound; empty if it is not known before.
  public var driverAddress: String
  /// Where other members connect, `host:port`; empty while unbound.
  public var replicationAddress: String
  /// Its live generation, nil if it has no data.
  public var generation: GenerationReport?
  /// Superseded generations not yet destroyed.
  public var supersededGenerations: Int
  /// Its place in the shard, nil while closed.
  public var replication: ReplicationReport?
  /// Its long job, nil if none.
  public var work: WorkReport?
  /// The version of the assignment it follows, 0 for none.
  public var assignmentVersion: UInt64
  /// The version of the IP list it holds, 0 for none.
  public var ipListVersion: UInt64
  /// Its last KMS check.
  public var lastCheck: CheckReport?
  /// Damage found in its files: file and reason.
  public var damage: [DamageReport]
  /// How drivers get in, nil from an agent that does not say.
  public var driverPort: DriverPortReport?
  /// Where its scrub stands, nil while the engine is closed.
  public var scrub: ScrubReport?
  /// The room on its disk, nil if it can't say.
  public var disk: DiskReport?
  /// The most generations beside the live one that a report tells of; a node has one or two.
  public static let maximumOtherGenerations = 64

  /// Encrypted generations on its disk beside the live one: copies being filled, and superseded ones; nil for none.
  public var otherGenerations: [GenerationReport]?
  /// What its clock said, milliseconds since 1970; nil from an agent that does not say.
  public var clockMilliseconds: Int64?
  /// When it last proved that it could restart, nil if it has not.
  public var restartProof: RestartProof?
  /// Why the KMS gave it no key for the copy it was asked to make, nil if it did or was not asked.
  public var kmsRefusal: String?
  /// The most outbound addresses that a report names.
  public static let maximumOutboundAddresses = 16
  /// Where its calls to the KMS come from, addresses or ranges, if its configuration says; nil if not.
  public var outboundAddresses: [String]?
  /// The address that its connections to members come from, if its configuration says.
  public var replicationSource: String?
  /// Whom it belongs to, as it was told last in this life or one before; nil if it was not.
  public var membership: MembershipReport?
  /// The number of its request for a moment to call the KMS at, nil if it makes none.
  public var slotWanted: UInt64?

  /// Makes a report with nothing opened yet.
  public init(node: NodeName, boot: BootID, agentVersion: String, phase: NodePhase) {
    self.node = node
    self.boot = boot
    self.agentVersion = agentVersion
    self.phase = phase
    driverAddress = ""
    replicationAddress = ""
    supersededGenerations = 0
    assignmentVersion = 0
    ipListVersion = 0
    damage = []
  }
}

/// A damaged or missing file of a node.
public struct DamageReport: Sendable, Codable, Equatable {
  /// The file, relative to the node's data directory.
  public var file: String
  /// What is wrong with it.
  public var reason: String

  /// Makes a report of its parts.
  public init(file: String, reason: String) {
    self.file = file
    self.reason = reason
  }
}
