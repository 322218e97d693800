// SPDX-License-Identifier: GPL-3.0-or-later
internal import CMessages
internal import ClusterModel

extension Envelope: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let version = wire.uint32("protocol_version")
    guard version == Self.currentProtocolVersion else {
      throw MessageError(
        .unsupportedVersion(version), field: "protocol_version",
        version == 0 ? "the bytes carry no protocol version" : "protocol version \(version) is not spoken here")
    }
    protocolVersion = version
    messageID = wire.uint64("message_id")
    correlationID = wire.uint64("correlation_id")
    cluster = try wire.optionalName("cluster")
    node = try wire.optionalName("node")
    boot = try wire.idUnlessEmpty("boot")
    epoch = try wire.optional("epoch")
    deadlineMilliseconds = wire.int64("deadline_ms")
    body = try MessageBody(wire: wire)
  }

  func write(to wire: WireWriter) throws(MessageError) {
    wire.set("protocol_version", protocolVersion)
    wire.set("message_id", messageID)
    wire.set("correlation_id", correlationID)
    try wire.set("cluster", cluster?.text ?? "")
    try wire.set("node", node?.text ?? "")
    try wire.set("boot", boot?.text ?? "")
    try wire.set("epoch", epoch)
    wire.set("deadline_ms", deadlineMilliseconds)
    try body.write(to: wire)
  }
}

extension MessageBody: WireMapped {
  init(wire: WireReader) throws(MessageError) {
    let member = Keyfold__V1__Envelope__BodyCase(rawValue: wire.chosen(memberLike: "hello"))
    switch member {
    case KEYFOLD__V1__ENVELOPE__BODY_HELLO: self = .hello(try wire.value("hello"))
    case KEYFOLD__V1__ENVELOPE__BODY_HEARTBEAT: self = .heartbeat((try wire.value("heartbeat") as Heartbeat).report)
    case KEYFOLD__V1__ENVELOPE__BODY_KEYS_REPORT: self = .keysReport(try wire.value("keys_report"))
    case KEYFOLD__V1__ENVELOPE__BODY_WELCOME: self = .welcome(try wire.value("welcome"))
    case KEYFOLD__V1__ENVELOPE__BODY_COMMAND: self = .command(try wire.value("command"))
    case KEYFOLD__V1__ENVELOPE__BODY_COMMAND_RESULT: self = .commandResult(try wire.value("command_result"))
    case KEYFOLD__V1__ENVELOPE__BODY_IP_LIST: self = .ipList(try wire.value("ip_list"))
    case KEYFOLD__V1__ENVELOPE__BODY_OPERATOR_REQUEST: self = .operatorRequest(try wire.value("operator_request"))
    case KEYFOLD__V1__ENVELOPE__BODY_OPERATOR_REPLY: self = .operatorReply(try wire.value("operator_reply"))
    case KEYFOLD__V1__ENVELOPE__BODY_FAULT: self = .fault(try wire.value("fault"))
    default: self = try Self(member: member, betweenMembers: wire)
    }
  }

  private init(member: Keyfold__V1__Envelope__BodyCase, betweenMembers wire: WireReader) throws(MessageError) {
    switch member {
    case KEYFOLD__V1__ENVELOPE__BODY_REQUEST_VOTE: self = .requestVote(try wire.value("request_vote"))
    case KEYFOLD__V1__ENVELOPE__BODY_VOTE_RESPONSE: self = .voteResponse(try wire.value("vote_response"))
    case KEYFOLD__V1__ENVELOPE__BODY_APPEND_ENTRIES: self = .appendEntries(try wire.value("append_entries"))
    case KEYFOLD__V1__ENVELOPE__BODY_APPEND_RESPONSE: self = .appendResponse(try wire.value("append_response"))
    case KEYFOLD__V1__ENVELOPE__BODY_TIMEOUT_NOW: self = .timeoutNow(try wire.value("timeout_now"))
    case KEYFOLD__V1__ENVELOPE__BODY_NEED_SYNC: self = .needSync(try wire.value("need_sync"))
    case KEYFOLD__V1__ENVELOPE__BODY_SYNC_REQUEST: self = .syncRequest(try wire.value("sync_request"))
    case KEYFOLD__V1__ENVELOPE__BODY_SYNC_BEGIN: self = .syncBegin(try wire.value("sync_begin"))
    case KEYFOLD__V1__ENVELOPE__BODY_SYNC_CHUNK: self = .syncChunk(try wire.value("sync_chunk"))
    case KEYFOLD__V1__ENVELOPE__BODY_SYNC_CREDIT: self = .syncCredit(try wire.value("sync_credit"))
    case KEYFOLD__V1__ENVELOPE__BODY_SYNC_END: self = .syncEnd(try wire.value("sync_end"))
    case KEYFOLD__V1__ENVELOPE__BODY_USER_REQUEST: self = .userRequest(try wire.value("user_request"))
    case KEYFOLD__V1__ENVELOPE__BODY_USER_REPLY: self = .userReply(try wire.value("user_reply"))
    case KEYFOLD__V1__ENVELOPE__BODY_AUDIT_HEAD: self = .auditHead(try wire.value("audit_head"))
    case KEYFOLD__V1__ENVELOPE__BODY_PROVE_SETTINGS: self = .proveSettings(try wire.value("prove_settings"))
    case KEYFOLD__V1__ENVELOPE__BODY_SETTINGS_PROOF: self = .settingsProof(try wire.value("settings_proof"))
    case KEYFOLD__V1__ENVELOPE__BODY_KEY_USES: self = .keyUses(try wire.value("key_uses"))
    case KEYFOLD__V1__ENVELOPE__BODY_KEY_USES_TAKEN: self = .keyUsesTaken(try wire.value("key_uses_taken"))
    case KEYFOLD__V1__ENVELOPE__BODY_SIGN_ROLE: self = .signRole(try wire.value("sign_role"))
    case KEYFOLD__V1__ENVELOPE__BODY_ROLE_SIGNATURE: self = .roleSignature(try wire.value("role_signature"))
    case KEYFOLD__V1__ENVELOPE__BODY_ENROL_NODE: self = .enrolNode(try wire.value("enrol_node"))
    case KEYFOLD__V1__ENVELOPE__BODY_ENROLMENT_RESULT: self = .enrolmentResult(try wire.value("enrolment_result"))
    case KEYFOLD__V1__ENVELOPE__BODY_START_SLOT: self = .startSlot(try wire.value("start_slot"))
    default: throw MessageError(.unknownMessage, "a message of a kind unknown here")
    }
  }

  func write(to wire: WireWriter) throws(MessageError) {
    switch self {
    case .hello(let value): try wire.set("hello", value)
    case .heartbeat(let report): try wire.set("heartbeat", Heartbeat(report: report))
    case .keysReport(let value): try wire.set("keys_report", value)
    case .welcome(let value): try wire.set("welcome", value)
    case .command(let value): try wire.set("command", value)
    case .commandResult(let value): try wire.set("command_result", value)
    case .ipList(let value): try wire.set("ip_list", value)
    case .operatorRequest(let value): try wire.set("operator_request", value)
    case .operatorReply(let value): try wire.set("operator_reply", value)
    case .fault(let value): try wire.set("fault", value)
    case .requestVote(let value): try wire.set("request_vote", value)
    case .voteResponse(let value): try wire.set("vote_response", value)
    case .appendEntries(let value): try wire.set("append_entries", value)
    case .appendResponse(let value): try wire.set("append_response", value)
    case .timeoutNow(let value): try wire.set("timeout_now", value)
    case .needSync(let value): try wire.set("need_sync", value)
    case .syncRequest(let value): try wire.set("sync_request", value)
    case .syncBegin(let value): try wire.set("sync_begin", value)
    case .syncChunk(let value): try wire.set("sync_chunk", value)
    case .syncCredit(let value): try wire.set("sync_credit", value)
    case .syncEnd(let value): try wire.set("sync_end", value)
    case .userRequest(let value): try wire.set("user_request", value)
    case .userReply(let value): try wire.set("user_reply", value)
    case .auditHead(let value): try wire.set("audit_head", value)
    case .proveSettings(let value): try wire.set("prove_settings", value)
    case .settingsProof(let value): try wire.set("settings_proof", value)
    case .keyUses(let value): try wire.set("key_uses", value)
    case .keyUsesTaken(let value): try wire.set("key_uses_taken", value)
    case .signRole(let value): try wire.set("sign_role", value)
    case .roleSignature(let value): try wire.set("role_signature", value)
    case .enrolNode(let value): try wire.set("enrol_node", value)
    case .enrolmentResult(let value): try wire.set("enrolment_result", value)
    case .startSlot(let value): try wire.set("start_slot", value)
    }
  }
}

/// The schema's message around a heartbeat's report.
private struct Heartbeat: WireMapped {
  let report: NodeReport

  init(report: NodeReport) { self.report = report }
  init(wire: WireReader) throws(MessageError) { report = try wire.value("report") }
  func write(to wire: WireWriter) throws(MessageError) { try wire.set("report", report) }
}

extension Epoch: WireMapped {
  init(wire: WireReader) { self.init(number: wire.uint64("number"), incarnation: wire.uint64("incarnation")) }

  func write(to wire: WireWriter) {
    wire.set("number", number)
    wire.set("incarnation", incarnation)
  }
}
