// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// The most members of one shard in an assignment; MongoDB allows 50.
private let maximumMembers = 64

extension Hello: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(report: try wire.value("report"), highestEpoch: try wire.optional("highest_epoch"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("report", report)
    try wire.set("highest_epoch", highestEpoch)
  }
}

extension KeysReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      generation: try wire.id("generation"), keystoreVersion: wire.uint64("keystore_version"),
      part: wire.uint32("part"), last: wire.bool("last"), keys: try wire.list("keys", limit: Self.maximumKeysInPart))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("generation", generation)
    wire.set("keystore_version", keystoreVersion)
    wire.set("part", part)
    wire.set("last", last)
    try wire.set("keys", list: keys)
  }
}

extension KeyReport: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let text = try wire.text("id")
    self.init(
      id: try WireReader.accepted("id") { () throws(ModelError) in try KeyID(text) },
      createdAtMilliseconds: wire.int64("created_at_ms"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("id", id.text)
    wire.set("created_at_ms", createdAtMilliseconds)
  }
}

extension Welcome: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      assignment: try wire.value("assignment"), kmsSecret: try wire.optionalSecret("kms_secret"),
      heartbeatMilliseconds: wire.uint32("heartbeat_ms"),
      formerSecrets: try wire.list("former_secrets", limit: FormerKMS.maximumCount),
      givesStartSlots: wire.bool("gives_start_slots"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("assignment", assignment)
    try wire.set("kms_secret", secret: kmsSecret)
    wire.set("heartbeat_ms", heartbeatMilliseconds)
    try wire.set("former_secrets", list: formerSecrets)
    wire.set("gives_start_slots", givesStartSlots)
  }
}

extension FormerSecret: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(settingsVersion: wire.uint64("settings_version"), secret: try wire.optionalSecret("kms_secret"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("settings_version", settingsVersion)
    try wire.set("kms_secret", secret: secret)
  }
}

extension FormerKMS: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(settings: try wire.value("kms"), settingsVersion: wire.uint64("settings_version"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("kms", settings)
    wire.set("settings_version", settingsVersion)
  }
}

extension NodeAssignment: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let former: [FormerKMS] = try wire.list("former_kms", limit: FormerKMS.maximumCount)
    self.init(
      version: wire.uint64("version"), project: try wire.name("project"), cluster: try wire.name("cluster"),
      members: try wire.list("members", limit: maximumMembers), kms: try wire.optional("kms"),
      settingsVersion: wire.uint64("settings_version"), formerKMS: former.isEmpty ? nil : former,
      running: wire.bool("running"),
      disabledReason: try wire.optionalText("disabled_reason"),
      notApprovedReason: try wire.optionalText("not_approved_reason"))
    joining = try wire.optionalName("joining")
    held = try wire.optional("held")
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("version", version)
    try wire.set("project", project)
    try wire.set("cluster", cluster)
    try wire.set("members", list: members)
    try wire.set("kms", kms)
    wire.set("settings_version", settingsVersion)
    try wire.set("former_kms", list: formerKMS ?? [])
    wire.set("running", running)
    try wire.set("disabled_reason", optional: disabledReason)
    try wire.set("not_approved_reason", optional: notApprovedReason)
    try wire.set("joining", joining?.text ?? "")
    try wire.set("held", held)
  }
}

extension HeldPosition: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(generation: try wire.id("generation"), index: wire.uint64("index"), term: wire.uint64("term"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("generation", generation)
    wire.set("index", index)
    wire.set("term", term)
  }
}

extension MemberAddress: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    self.init(
      node: try wire.name("node"), replicationAddress: try wire.text("replication_address"),
      driverAddress: try wire.text("driver_address"), publicKey: try wire.text("public_key"),
      boot: try wire.idUnlessEmpty("boot"))
  }

  func write(to wire: WireWriter) throws(MessageError) {
    try wire.set("node", node)
    try wire.set("replication_address", replicationAddress)
    try wire.set("driver_address", driverAddress)
    try wire.set("public_key", publicKey)
    try wire.set("boot", boot?.text ?? "")
  }
}

extension StartSlot: WireMapped {
  init(wire: WireReader) {
    self.init(
      number: wire.uint64("number"), waitMilliseconds: wire.uint64("wait_ms"), position: wire.uint32("position"))
  }

  func write(to wire: WireWriter) {
    wire.set("number", number)
    wire.set("wait_ms", waitMilliseconds)
    wire.set("position", position)
  }
}
