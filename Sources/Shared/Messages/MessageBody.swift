// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// All that coordinator, agents and operators can say to one another.
public enum MessageBody: Sendable {
  /// Agent to coordinator, first on every connection.
  case hello(Hello)
  /// Agent to coordinator, at the pace the welcome names.
  case heartbeat(NodeReport)
  /// Agent to coordinator, whenever its keystore changed.
  case keysReport(KeysReport)
  /// Coordinator to agent: answer to the hello, and again at each change of the assignment.
  case welcome(Welcome)
  /// Coordinator to agent: do one thing.
  case command(NodeCommand)
  /// Agent to coordinator: how a command ended.
  case commandResult(CommandResult)
  /// Coordinator to agent: the newest IP list.
  case ipList(IPList)
  /// Operator to coordinator; the typed request is JSON in the payload frame.
  case operatorRequest(OperatorRequest)
  /// Coordinator to operator; the typed reply is JSON in the payload frame.
  case operatorReply(OperatorReply)
  /// Either side: your message was not taken.
  case fault(Fault)
  /// Member to member: Raft.
  case requestVote(RequestVote)
  case voteResponse(VoteResponse)
  case appendEntries(AppendEntries)
  case appendResponse(AppendResponse)
  case timeoutNow(TimeoutNow)
  case needSync(NeedSync)
  /// Member to member: initial sync.
  case syncRequest(SyncRequest)
  case syncBegin(SyncBegin)
  case syncChunk(SyncChunk)
  case syncCredit(SyncCredit)
  case syncEnd(SyncEnd)
  /// Coordinator to the primary's agent: something about users.
  case userRequest(UserRequest)
  /// Agent to coordinator: how that ended.
  case userReply(UserReply)
  /// Where the audit record ends: coordinator to agent, and back as what the agent was told last.
  case auditHead(AuditHeadMessage)
  /// Coordinator to agent: try KMS settings that are not in force.
  case proveSettings(ProveSettings)
  /// Agent to coordinator: how that ended.
  case settingsProof(SettingsProof)
  /// Agent to coordinator: uses of a KMS key that it has not taken yet.
  case keyUses(KeyUseReport)
  /// Coordinator to agent: up to where it has them on disk.
  case keyUsesTaken(KeyUseMark)
  /// Agent to coordinator: sign a request to assume a role.
  case signRole(SignRole)
  /// Coordinator to agent: the signature, or why there is none.
  case roleSignature(RoleSignature)
  /// Holder of a one-time token to coordinator: let this node in.
  case enrolNode(EnrolNode)
  /// Coordinator to the holder of a token: how that ended.
  case enrolmentResult(EnrolmentResult)
  /// Coordinator to agent: when it may make the call to the KMS that it asked for.
  case startSlot(StartSlot)

  /// The kind of message, for logs and counters; carries no content.
  public var name: String {
    switch self {
    case .hello: "hello"
    case .heartbeat: "heartbeat"
    case .keysReport: "keys report"
    case .welcome: "welcome"
    case .command: "command"
    case .commandResult: "command result"
    case .ipList: "IP list"
    case .operatorRequest: "operator request"
    case .operatorReply: "operator reply"
    case .fault: "fault"
    case .requestVote: "request vote"
    case .voteResponse: "vote response"
    case .appendEntries: "append entries"
    case .appendResponse: "append response"
    case .timeoutNow: "timeout now"
    case .needSync: "need sync"
    case .syncRequest: "sync request"
    case .syncBegin: "sync begin"
    case .syncChunk: "sync chunk"
    case .syncCredit: "sync credit"
    case .syncEnd: "sync end"
    case .userRequest: "user request"
    case .userReply: "user reply"
    case .auditHead: "audit head"
    case .proveSettings: "prove settings"
    case .settingsProof: "settings proof"
    case .keyUses: "key uses"
    case .keyUsesTaken: "key uses taken"
    case .signRole: "sign role"
    case .roleSignature: "role signature"
    case .enrolNode: "enrol node"
    case .enrolmentResult: "enrolment result"
    case .startSlot: "start slot"
    }
  }
}
