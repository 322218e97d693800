// SPDX-License-Identifier: GPL-3.0-or-later
internal import CMessages
internal import ClusterModel

/// The most voters of one shard.
let maximumVoters = 64

extension NodeCommand: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(id: try wire.id("id"), plan: try wire.optionalID("plan"), action: try NodeAction(wire: wire))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("id", id)
    try wire.set("plan", optional: plan?.text)
    try action.write(to: wire)
  }
}

/// An action is a oneof inside the command.
extension NodeAction: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    switch Keyfold__V1__Command__ActionCase(rawValue: wire.chosen(memberLike: "form_shard")) {
    case KEYFOLD__V1__COMMAND__ACTION_FORM_SHARD:
      self = .formShard(voters: (try wire.value("form_shard") as FormShard).voters)
    case KEYFOLD__V1__COMMAND__ACTION_RESYNC:
      let part: Resync = try wire.value("resync")
      self = .resync(encrypted: part.encrypted, expecting: part.expecting)
    case KEYFOLD__V1__COMMAND__ACTION_INITIAL_SYNC: self = .initialSync(try wire.value("initial_sync"))
    case KEYFOLD__V1__COMMAND__ACTION_ROTATE_MASTER_KEY:
      let part: RotateMasterKey = try wire.value("rotate_master_key")
      self = .rotateMasterKey(expecting: part.expecting, masterKey: part.masterKey)
    case KEYFOLD__V1__COMMAND__ACTION_REWRAP_MASTER_KEY:
      let part: RewrapMasterKey = try wire.value("rewrap_master_key")
      self = .rewrapMasterKey(expecting: part.expecting, settingsVersion: part.settingsVersion)
    case KEYFOLD__V1__COMMAND__ACTION_STEP_DOWN: self = .stepDown
    case KEYFOLD__V1__COMMAND__ACTION_STOP_DATABASE: self = .stopDatabase
    case KEYFOLD__V1__COMMAND__ACTION_START_DATABASE: self = .startDatabase
    case KEYFOLD__V1__COMMAND__ACTION_RESTART: self = .restart(boot: (try wire.value("restart") as Restart).boot)
    case KEYFOLD__V1__COMMAND__ACTION_CHECK_KMS: self = .checkKMS
    case KEYFOLD__V1__COMMAND__ACTION_DISABLE:
      self = .disable(reason: (try wire.value("disable") as Disable).reason)
    case KEYFOLD__V1__COMMAND__ACTION_FORCE_SOLE_VOTER:
      let part: ForceSoleVoter = try wire.value("force_sole_voter")
      self = .forceSoleVoter(expecting: part.expecting, lastIndex: part.lastIndex)
    case KEYFOLD__V1__COMMAND__ACTION_ADD_MEMBER:
      self = .addMember((try wire.value("add_member") as MemberChange).node)
    case KEYFOLD__V1__COMMAND__ACTION_REMOVE_MEMBER:
      self = .removeMember((try wire.value("remove_member") as MemberChange).node)
    case KEYFOLD__V1__COMMAND__ACTION_LEAVE: self = .leave(expecting: (try wire.value("leave") as Leave).expecting)
    default: throw MessageError(.unknownMessage, field: "action", "a command of a kind unknown here")
    }
  }

  func write(to wire: WireWriter) throws(MessageError) {
    switch self {
    case .formShard(let voters): try wire.set("form_shard", FormShard(voters: voters))
    case .resync(let encrypted, let expecting):
      try wire.set("resync", Resync(encrypted: encrypted, expecting: expecting))
    case .initialSync(let order): try wire.set("initial_sync", order)
    case .rotateMasterKey(let expecting, let masterKey):
      try wire.set("rotate_master_key", RotateMasterKey(expecting: expecting, masterKey: masterKey))
    case .rewrapMasterKey(let expecting, let version):
      try wire.set("rewrap_master_key", RewrapMasterKey(expecting: expecting, settingsVersion: version))
    case .stepDown: try wire.set("step_down", Nothing())
    case .stopDatabase: try wire.set("stop_database", Nothing())
    case .startDatabase: try wire.set("start_database", Nothing())
    case .restart(let boot): try wire.set("restart", Restart(boot: boot))
    case .checkKMS: try wire.set("check_kms", Nothing())
    case .disable(let reason): try wire.set("disable", Disable(reason: reason))
    case .addMember(let node): try wire.set("add_member", MemberChange(node: node))
    case .removeMember(let node): try wire.set("remove_member", MemberChange(node: node))
    case .leave(let expecting): try wire.set("leave", Leave(expecting: expecting))
    case .forceSoleVoter(let expecting, let lastIndex):
      try wire.set("force_sole_voter", ForceSoleVoter(expecting: expecting, lastIndex: lastIndex))
    }
  }
}

private struct Nothing: WireMapped {
  init() {}
  init(wire: WireReader) {}
  func write(to wire: WireWriter) {}
}

private struct FormShard: WireMapped {
  let voters: [NodeName]

  init(voters: [NodeName]) { self.voters = voters }

  init(wire: WireReader) throws(MessageError) {
    voters = try wire.names("voters", limit: maximumVoters)
  }

  func write(to wire: WireWriter) throws(MessageError) { try wire.set("voters", texts: voters.map(\.text)) }
}

private struct Resync: WireMapped {
  let encrypted: Bool
  let expecting: GenerationID

  init(encrypted: Bool, expecting: GenerationID) {
    self.encrypted = encrypted
    self.expecting = expecting
  }

  init(wire: WireReader) throws(MessageError) {
    self.init(encrypted: wire.bool("encrypted"), expecting: try wire.id("expecting"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("encrypted", encrypted)
    try wire.set("expecting", expecting)
  }
}

extension InitialSyncOrder: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      encrypted: wire.bool("encrypted"), replacing: try wire.optionalID("replacing"),
      sources: try wire.names("sources", limit: maximumVoters), lostTerm: wire.uint64("lost_term"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("encrypted", encrypted)
    try wire.set("replacing", optional: replacing?.text)
    try wire.set("sources", texts: sources.map(\.text))
    wire.set("lost_term", lostTerm)
  }
}

extension WireReader {
  /// Node names in a repeated field.
  func names(_ field: StaticString, limit: Int) throws(MessageError) -> [NodeName] {
    var names: [NodeName] = []
    for text in try texts(field, limit: limit) {
      names.append(try Self.accepted(field) { () throws(ModelError) in try NodeName(text) })
    }
    return names
  }
}

private struct RotateMasterKey: WireMapped {
  let expecting: GenerationID
  let masterKey: MasterKeyID

  init(expecting: GenerationID, masterKey: MasterKeyID) {
    self.expecting = expecting
    self.masterKey = masterKey
  }

  init(wire: WireReader) throws(MessageError) {
    self.init(expecting: try wire.id("expecting"), masterKey: try wire.id("master_key"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("expecting", expecting)
    try wire.set("master_key", masterKey)
  }
}

private struct RewrapMasterKey: WireMapped {
  let expecting: GenerationID
  let settingsVersion: UInt64

  init(expecting: GenerationID, settingsVersion: UInt64) {
    self.expecting = expecting
    self.settingsVersion = settingsVersion
  }

  init(wire: WireReader) throws(MessageError) {
    self.init(expecting: try wire.id("expecting"), settingsVersion: wire.uint64("settings_version"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("expecting", expecting)
    wire.set("settings_version", settingsVersion)
  }
}

private struct ForceSoleVoter: WireMapped {
  let expecting: GenerationID
  let lastIndex: UInt64

  init(expecting: GenerationID, lastIndex: UInt64) {
    self.expecting = expecting
    self.lastIndex = lastIndex
  }

  init(wire: WireReader) throws(MessageError) {
    self.init(expecting: try wire.id("expecting"), lastIndex: wire.uint64("last_index"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("expecting", expecting)
    wire.set("last_index", lastIndex)
  }
}

private struct Restart: WireMapped {
  let boot: BootID

  init(boot: BootID) { self.boot = boot }
  init(wire: WireReader) throws(MessageError) { boot = try wire.id("boot") }
  func write(to wire: WireWriter) throws(MessageError) { try wire.set("boot", boot) }
}

private struct Disable: WireMapped {
  let reason: String

  init(reason: String) { self.reason = reason }
  init(wire: WireReader) throws(MessageError) { reason = try wire.text("reason") }
  func write(to wire: WireWriter) throws(MessageError) { try wire.set("reason", reason) }
}

/// The schema's `Outcome`.
private enum OutcomeKind: WireChoice {
  case done, accepted, failed, refused

  static let wireOrder: [OutcomeKind] = [.done, .accepted, .failed, .refused]
}

extension CommandResult: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let kind: OutcomeKind = try wire.choice("outcome")
    let reason = try wire.text("reason")
    let outcome: CommandOutcome =
      switch kind {
      case .done: .done
      case .accepted: .accepted
      case .failed: .failed(reason: reason)
      case .refused: .refused(reason: reason)
      }
    self.init(command: try wire.id("command"), outcome: outcome, replayed: wire.bool("replayed"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    let (kind, reason): (OutcomeKind, String) =
      switch outcome {
      case .done: (.done, "")
      case .accepted: (.accepted, "")
      case .failed(let reason): (.failed, reason)
      case .refused(let reason): (.refused, reason)
      }
    try wire.set("command", command)
    wire.set("outcome", kind)
    try wire.set("reason", reason)
    wire.set("replayed", replayed)
  }
}

private struct MemberChange: WireMapped {
  let node: NodeName

  init(node: NodeName) { self.node = node }
  init(wire: WireReader) throws(MessageError) { node = try wire.name("node") }
  func write(to wire: WireWriter) throws(MessageError) { try wire.set("node", node) }
}

private struct Leave: WireMapped {
  let expecting: GenerationID?

  init(expecting: GenerationID?) { self.expecting = expecting }
  init(wire: WireReader) throws(MessageError) { expecting = try wire.optionalID("expecting") }
  func write(to wire: WireWriter) throws(MessageError) { try wire.set("expecting", optional: expecting?.text) }
}
