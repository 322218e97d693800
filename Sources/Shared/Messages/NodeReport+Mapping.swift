// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// The most damaged files in one report; a node with more is beyond counting them.
private let maximumDamageEntries = 1_024
/// The most members of one shard in a report.
private let maximumMembersInReport = 64

extension NodeReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      node: try wire.name("node"), boot: try wire.id("boot"), agentVersion: try wire.text("agent_version"),
      phase: try NodePhase(wire: wire))
    driverAddress = try wire.text("driver_address")
    replicationAddress = try wire.text("replication_address")
    generation = try wire.optional("generation")
    supersededGenerations = Int(wire.uint32("superseded_generations"))
    replication = try wire.optional("replication")
    work = try wire.optional("work")
    assignmentVersion = wire.uint64("assignment_version")
    ipListVersion = wire.uint64("ip_list_version")
    lastCheck = try wire.optional("last_check")
    damage = try wire.list("damage", limit: maximumDamageEntries)
    driverPort = try wire.optional("driver_port")
    scrub = try wire.optional("scrub")
    disk = try wire.optional("disk")
    let others: [GenerationReport] = try wire.list("other_generations", limit: NodeReport.maximumOtherGenerations)
    otherGenerations = others.isEmpty ? nil : others
    let clock = wire.int64("clock_ms")
    clockMilliseconds = clock == 0 ? nil : clock
    restartProof = try wire.optional("restart_proof")
    kmsRefusal = try wire.optionalText("kms_refusal")
    let outbound = try wire.texts("outbound_addresses", limit: NodeReport.maximumOutboundAddresses)
    outboundAddresses = outbound.isEmpty ? nil : outbound
    replicationSource = try wire.optionalText("replication_source")
    membership = try wire.optional("membership")
    let wanted = wire.uint64("slot_wanted")
    slotWanted = wanted == 0 ? nil : wanted
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("node", node)
    try wire.set("boot", boot)
    try wire.set("agent_version", agentVersion)
    try phase.write(to: wire)
    try wire.set("driver_address", driverAddress)
    try wire.set("replication_address", replicationAddress)
    try wire.set("generation", generation)
    wire.set("superseded_generations", UInt32(clamping: supersededGenerations))
    try wire.set("replication", replication)
    try wire.set("work", work)
    wire.set("assignment_version", assignmentVersion)
    wire.set("ip_list_version", ipListVersion)
    try wire.set("last_check", lastCheck)
    try wire.set("damage", list: Array(damage.prefix(maximumDamageEntries)))
    try wire.set("driver_port", driverPort)
    try wire.set("scrub", scrub)
    try wire.set("disk", disk)
    try wire.set(
      "other_generations", list: Array((otherGenerations ?? []).prefix(NodeReport.maximumOtherGenerations)))
    wire.set("clock_ms", clockMilliseconds ?? 0)
    try wire.set("restart_proof", restartProof)
    try wire.set("kms_refusal", optional: kmsRefusal)
    try wire.set(
      "outbound_addresses", texts: Array((outboundAddresses ?? []).prefix(NodeReport.maximumOutboundAddresses)))
    try wire.set("replication_source", optional: replicationSource)
    try wire.set("membership", membership)
    wire.set("slot_wanted", slotWanted ?? 0)
  }
}

extension RestartProof: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      masterKeyID: try wire.id("master_key_id"), keystoreVersion: wire.uint64("keystore_version"),
      provenAtMilliseconds: wire.int64("proven_at_ms"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("master_key_id", masterKeyID)
    wire.set("keystore_version", keystoreVersion)
    wire.set("proven_at_ms", provenAtMilliseconds)
  }
}

extension DiskReport: WireMapped {
  init(wire: WireReader) {
    self.init(freeBytes: wire.uint64("free"), totalBytes: wire.uint64("total"), dataBytes: wire.uint64("data"))
  }

  func write(to wire: WireWriter) {
    wire.set("free", freeBytes)
    wire.set("total", totalBytes)
    wire.set("data", dataBytes)
  }
}

extension ScrubReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let pause = try wire.text("pause")
    self.init(
      bytes: wire.uint64("bytes"), tablesDone: Int(wire.uint32("tables_done")),
      tablesTotal: Int(wire.uint32("tables_total")), lastPassAtMilliseconds: wire.int64("last_pass_at_ms"),
      pause: pause.isEmpty ? nil : pause)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("bytes", bytes)
    wire.set("tables_done", UInt32(clamping: tablesDone))
    wire.set("tables_total", UInt32(clamping: tablesTotal))
    wire.set("last_pass_at_ms", lastPassAtMilliseconds)
    try wire.set("pause", pause ?? "")
  }
}

/// The schema's `Phase`.
private enum PhaseKind: WireChoice {
  case awaitingSettings, empty, awaitingKMS, opening, serving, disabled, stopped, failed, notApproved

  static let wireOrder: [PhaseKind] = [
    .awaitingSettings, .empty, .awaitingKMS, .opening, .serving, .disabled, .stopped, .failed, .notApproved,
  ]
}

/// A phase has no message of its own: kind and reason stand in the report.
extension NodePhase: WireMapped {
  private var kind: PhaseKind {
    switch self {
    case .awaitingSettings: .awaitingSettings
    case .empty: .empty
    case .awaitingKMS: .awaitingKMS
    case .opening: .opening
    case .serving: .serving
    case .disabled: .disabled
    case .stopped: .stopped
    case .failed: .failed
    case .notApproved: .notApproved
    }
  }

  init(wire: WireReader) throws(MessageError) {
    let kind: PhaseKind = try wire.choice("phase")
    let reason = try wire.optionalText("phase_reason") ?? ""
    self =
      switch kind {
      case .awaitingSettings: .awaitingSettings
      case .empty: .empty
      case .awaitingKMS: .awaitingKMS(reason: reason)
      case .opening: .opening
      case .serving: .serving
      case .disabled: .disabled(reason: reason)
      case .stopped: .stopped
      case .failed: .failed(reason: reason)
      case .notApproved: .notApproved(reason: reason)
      }
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("phase", kind)
    try wire.set("phase_reason", optional: reason)
  }
}

extension GenerationReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      id: try wire.id("id"), encrypted: wire.bool("encrypted"), keystoreVersion: wire.uint64("keystore_version"),
      masterKeyID: try wire.optionalID("master_key_id"),
      masterKeyCheckValue: try wire.optionalText("master_key_check_value"),
      customerKeyID: try wire.optionalText("customer_key_id"),
      masterKeyCreatedAtMilliseconds: wire.int64("master_key_created_at_ms"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("id", id)
    wire.set("encrypted", encrypted)
    wire.set("keystore_version", keystoreVersion)
    try wire.set("master_key_id", optional: masterKeyID?.text)
    try wire.set("master_key_check_value", optional: masterKeyCheckValue)
    try wire.set("customer_key_id", optional: customerKeyID)
    wire.set("master_key_created_at_ms", masterKeyCreatedAtMilliseconds)
  }
}

extension MemberRole: WireChoice { static let wireOrder: [MemberRole] = [.primary, .secondary, .candidate, .learner] }

extension ReplicationReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      role: try wire.choice("role"), term: wire.uint64("term"), primary: try wire.optionalName("primary"),
      lastIndex: wire.uint64("last_index"), commitIndex: wire.uint64("commit_index"),
      appliedIndex: wire.uint64("applied_index"), oplog: try wire.optional("oplog"),
      needsInitialSync: wire.bool("needs_initial_sync"), isRecovering: wire.bool("recovering"))
    let term = wire.uint64("last_term")
    lastTerm = term == 0 ? nil : term
    isSoleVoter = wire.bool("sole_voter") ? true : nil
    let names = try wire.names("members", limit: maximumMembersInReport)
    members = names.isEmpty ? nil : names
    let voting = try wire.names("voters", limit: maximumVoters)
    voters = voting.isEmpty ? nil : voting
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("role", role)
    wire.set("term", term)
    try wire.set("primary", primary?.text ?? "")
    wire.set("last_index", lastIndex)
    wire.set("commit_index", commitIndex)
    wire.set("applied_index", appliedIndex)
    try wire.set("oplog", oplog)
    wire.set("needs_initial_sync", needsInitialSync)
    wire.set("recovering", isRecovering)
    wire.set("last_term", lastTerm ?? 0)
    wire.set("sole_voter", isSoleVoter ?? false)
    try wire.set("members", texts: (members ?? []).map(\.text))
    try wire.set("voters", texts: (voters ?? []).map(\.text))
  }
}

extension OplogReport: WireMapped {
  init(wire: WireReader) {
    self.init(
      firstIndex: wire.uint64("first_index"), baseTerm: wire.uint64("base_term"), lastTerm: wire.uint64("last_term"),
      bytes: wire.uint64("bytes"), windowSeconds: wire.uint64("window_seconds"))
  }

  func write(to wire: WireWriter) {
    wire.set("first_index", firstIndex)
    wire.set("base_term", baseTerm)
    wire.set("last_term", lastTerm)
    wire.set("bytes", bytes)
    wire.set("window_seconds", windowSeconds)
  }
}

extension WorkReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      command: try wire.id("command"), stage: try wire.text("stage"), documentsDone: wire.uint64("documents_done"),
      documentsTotal: wire.uint64("documents_total"), bytesDone: wire.uint64("bytes_done"),
      startedAtMilliseconds: wire.int64("started_at_ms"), bytesTotal: wire.uint64("bytes_total"),
      remark: try wire.text("remark"), documentsBefore: wire.uint64("documents_before"),
      bytesBefore: wire.uint64("bytes_before"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("command", command)
    try wire.set("stage", stage)
    wire.set("documents_done", documentsDone)
    wire.set("documents_total", documentsTotal)
    wire.set("bytes_done", bytesDone)
    wire.set("started_at_ms", startedAtMilliseconds)
    wire.set("bytes_total", bytesTotal)
    try wire.set("remark", remark)
    wire.set("documents_before", documentsBefore)
    wire.set("bytes_before", bytesBefore)
  }
}

extension DamageReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(file: try wire.text("file"), reason: try wire.text("reason"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("file", file)
    try wire.set("reason", reason)
  }
}
