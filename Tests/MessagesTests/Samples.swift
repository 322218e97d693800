// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Secrets

/// One message of each kind, every optional part filled in at least once.
enum Samples {
  static let cluster = ClusterName(checked: "orders")
  static let node = NodeName(checked: "orders-1")
  static let generation = GenerationID(checked: "5c9f3c3a-52f0-4f0c-9d7e-0d7e6a5b4c3d")
  static let boot = BootID(checked: "11111111-2222-4333-8444-555555555555")
  static let command = CommandID(checked: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")
  static let masterKey = MasterKeyID(checked: "0f0e0d0c-0b0a-4908-8706-050403020100")
  static let collection = CollectionID(checked: "99999999-8888-4777-8666-555555555555")
  static let epoch = Epoch(number: 7, incarnation: .max)

  static var report: NodeReport {
    var report = NodeReport(node: node, boot: boot, agentVersion: "1.2.3", phase: .awaitingKMS(reason: "no route"))
    report.driverAddress = "127.0.0.1:27117"
    report.replicationAddress = "127.0.0.1:7450"
    report.generation = GenerationReport(
      id: generation, encrypted: true, keystoreVersion: 3, masterKeyID: masterKey, masterKeyCheckValue: "00ff",
      customerKeyID: "arn:aws:kms:eu-central-1:1:key/2", masterKeyCreatedAtMilliseconds: 1_700_000_000_000)
    report.supersededGenerations = 2
    report.replication = ReplicationReport(
      role: .secondary, term: 9, primary: NodeName(checked: "orders-2"), lastIndex: .max, commitIndex: 5,
      appliedIndex: 4)
    report.replication?.voters = [node, NodeName(checked: "orders-2")]
    report.work = WorkReport(
      command: command, stage: "copying – läuft", documentsDone: 1, documentsTotal: 2, bytesDone: 3,
      startedAtMilliseconds: -1, bytesTotal: 4, remark: "from orders-2", documentsBefore: 5, bytesBefore: 6)
    report.assignmentVersion = 12
    report.ipListVersion = 13
    report.lastCheck = CheckReport(
      verdict: .revoked(.keyPendingDeletion, detail: "pending"), customerKeyID: "arn", settingsVersion: 4,
      startedAtMilliseconds: 5)
    report.driverPort = DriverPortReport(tls: .required, authentication: .on, waiting: "no user")
    report.disk = DiskReport(freeBytes: 1, totalBytes: .max, dataBytes: 3)
    report.clockMilliseconds = 1_790_000_000_000
    report.restartProof = RestartProof(
      masterKeyID: MasterKeyID.random(), keystoreVersion: 7, provenAtMilliseconds: 1_790_000_000_000)
    report.scrub = ScrubReport(
      bytes: 1 << 40, tablesDone: 2, tablesTotal: 3, lastPassAtMilliseconds: 4, pause: "no primary is heard")
    report.replication?.members = [node, NodeName(checked: "orders-2")]
    report.kmsRefusal = "accessDenied: no"
    report.outboundAddresses = ["203.0.113.0/28", "10.0.0.2"]
    report.replicationSource = "10.0.0.3"
    report.membership = MembershipReport(
      version: .max, project: ProjectName(checked: "shop"), cluster: cluster, members: [node], running: true,
      settingsVersion: 3, access: [], joining: node,
      boots: BootDigest(of: boot).map { [node: $0] })
    report.damage = [DamageReport(file: "a.wt", reason: "checksum"), DamageReport(file: "b.wt", reason: "")]
    report.otherGenerations = report.generation.map { [$0] }
    return report
  }

  static var assignment: NodeAssignment {
    var assignment = NodeAssignment(
      version: 4, project: ProjectName(checked: "shop"), cluster: cluster,
      members: [
        MemberAddress(
          node: node, replicationAddress: "127.0.0.1:7450", driverAddress: "", publicKey: "k", boot: boot),
        MemberAddress(node: NodeName(checked: "orders-2"), replicationAddress: "", driverAddress: "d:1", publicKey: ""),
      ],
      kms: KMSSettings(
        provider: .gcp, keyID: "projects/p", region: "europe-west3", endpoint: "https://127.0.0.1:7443",
        certificateAuthorityPEM: "-----BEGIN", credentials: .awsAccessKey(id: "AKIA"),
        replicas: [KMSReplica(region: "r-1"), KMSReplica(region: "r-2", endpoint: "https://e")]),
      settingsVersion: 5,
      formerKMS: [
        FormerKMS(
          settings: KMSSettings(
            provider: .azure, keyID: "https://v.vault.azure.net/keys/k/1", region: "",
            credentials: .azureManagedIdentity(clientID: nil)), settingsVersion: 3)
      ], running: true, disabledReason: "key revoked")
    assignment.joining = node
    return assignment
  }

  static var users: [DriverUser] {
    (try? DriverUserName("shop-ö.alice.b")).map { [DriverUser(name: $0, role: .readWrite)] } ?? []
  }

  static var accessLists: [IPList.Access] {
    let ranges = ["192.0.2.0/24", "2001:db8::/48"].compactMap { try? IPRange($0) }
    return [
      IPList.Access(
        project: ProjectName(checked: "shop"),
        entries: ranges.enumerated().map {
          IPList.AccessEntry(range: $0.element, expiresInMilliseconds: $0.offset == 0 ? nil : 0)
        }), IPList.Access(project: ProjectName(checked: "bank"), entries: []),
    ]
  }

  static var ipList: IPList {
    IPList(
      version: 6,
      nodes: [
        IPList.Entry(cluster: cluster, node: node, address: "10.0.0.1"),
        IPList.Entry(cluster: cluster, node: node, address: "10.0.0.2", future: true, direction: .inbound),
        IPList.Entry(cluster: cluster, node: node, address: "203.0.113.0/28", direction: .outbound),
      ],
      controlPlane: ["10.0.0.9", "::1"], access: accessLists)
  }

  static let actions: [NodeAction] = [
    .formShard(voters: [node, NodeName(checked: "orders-2")]), .formShard(voters: []),
    .resync(encrypted: true, expecting: generation), .resync(encrypted: false, expecting: generation),
    .rotateMasterKey(expecting: generation, masterKey: masterKey),
    .rewrapMasterKey(expecting: generation, settingsVersion: 7), .stepDown, .stopDatabase, .startDatabase,
    .restart(boot: boot), .checkKMS, .disable(reason: "revoked"),
    .forceSoleVoter(expecting: generation, lastIndex: 77), .addMember(node), .removeMember(node),
    .leave(expecting: generation), .leave(expecting: nil),
  ]

  static let outcomes: [CommandOutcome] = [
    .done, .accepted, .failed(reason: "disk full"), .refused(reason: "old epoch"),
  ]

  static let phases: [NodePhase] = [
    .awaitingSettings, .empty, .awaitingKMS(reason: "x"), .opening, .serving, .disabled(reason: ""), .stopped,
    .failed(reason: "damage"), .notApproved(reason: "older"),
  ]

  static var keys: KeysReport {
    KeysReport(
      generation: generation, keystoreVersion: 8, part: 1, last: true,
      keys: [
        KeyReport(id: .random(for: .system), createdAtMilliseconds: 1),
        KeyReport(id: .random(for: .database(DatabaseName(checked: "shop-ö"))), createdAtMilliseconds: 2),
      ])
  }

  static var bodies: [MessageBody] {
    [
      .hello(Hello(report: report, highestEpoch: epoch)), .heartbeat(report), .keysReport(keys),
      .welcome(Welcome(assignment: assignment, kmsSecret: secret("wJalrXUtnFEMI"), heartbeatMilliseconds: 1_000)),
      .command(NodeCommand(id: command, plan: PlanID(checked: boot.text), action: actions[0])),
      .commandResult(CommandResult(command: command, outcome: .failed(reason: "no"), replayed: true)), .ipList(ipList),
      .operatorRequest(OperatorRequest(name: "cluster.encrypt")), .operatorReply(OperatorReply(status: 4, final: true)),
      .fault(Fault(code: .staleEpoch, text: "epoch 3 is over")),
      .requestVote(RequestVote(term: 2, lastTerm: 1, lastIndex: 9, preVote: true, transfer: true)),
      .voteResponse(VoteResponse(term: 2, electionTerm: 3, granted: true, preVote: true)),
      .appendEntries(
        AppendEntries(
          term: 3, previousTerm: 2, previousIndex: 10, commitIndex: 9,
          entries: [
            EntryHeader(term: 3, kind: 1, payloadLength: 2, timeMilliseconds: 1_700_000_000_000),
            EntryHeader(term: 3, kind: 2, payloadLength: 0),
          ], round: 77)),
      .appendResponse(
        AppendResponse(term: 3, success: true, matchIndex: 12, conflictIndex: 4, conflictTerm: 2, round: 77)),
      .timeoutNow(TimeoutNow(term: 7)), .needSync(NeedSync(term: 4, baseTerm: 3, baseIndex: 100, round: 78)),
      .needSync(NeedSync(term: 4, baseTerm: 0, baseIndex: 0, round: 79, lostTerm: 4, lostIndex: 99)),
      .syncRequest(SyncRequest(streamID: .max, collection: .random(), budgetBytes: 5, fromIndex: 6)),
      .syncBegin(
        SyncBegin(
          streamID: 1, baseTerm: 2, baseIndex: 3, documentsTotal: 4, bytesTotal: 5, logBaseIndex: 6, isGone: true,
          oplogSeconds: 7)),
      .syncChunk(
        SyncChunk(
          streamID: 1, sequence: 2, collection: collection, documents: 3, lastOfCollection: true, logBaseIndex: 4,
          oplogSeconds: 5)),
      .syncCredit(SyncCredit(streamID: 1, bytes: 4)),
      .syncEnd(SyncEnd(streamID: 1, sequence: 9, succeeded: false, reason: "disk full")),
      .userRequest(
        UserRequest(id: command, action: .create, user: users.first?.name, role: .admin, credential: secret("x"))),
      .userReply(UserReply(id: command, outcome: .notNow, reason: "not primary", users: users)),
      .auditHead(AuditHeadMessage(.empty)),
      .auditHead(AuditHeadMessage(AuditHead(sequence: .max, hash: .none), replacing: .empty)),
      .settingsProof(
        SettingsProof(id: command, outcome: .failed(kind: "accessDenied", operation: "unwrap", reason: "no"))),
      .settingsProof(SettingsProof(id: command, outcome: .proven)),
      .keyUses(
        KeyUseReport(
          boot: boot,
          uses: [
            NumberedKeyUse(
              number: .max, lostBefore: 3,
              use: KeyUse(
                provider: .azure, operation: .describe, keyID: "https://v/keys/k/1", requestID: "r-1",
                failure: "accessDenied", startedAtMilliseconds: -1)),
            NumberedKeyUse(
              number: 1,
              use: KeyUse(provider: .aws, operation: .wrap, keyID: "", requestID: "", startedAtMilliseconds: 1)),
          ])),
      .keyUsesTaken(KeyUseMark(boot: boot, through: .max)),
      .enrolNode(EnrolNode(node: node, publicKey: String(repeating: "k", count: 40))),
      .enrolmentResult(EnrolmentResult(enrolled: false, reason: "it was used already")),
      .startSlot(StartSlot(number: 3, waitMilliseconds: 90_000, position: 412)),
    ]
      + (secret("wJalrXUtnFEMI").flatMap { secret in
        assignment.kms.map { .proveSettings(ProveSettings(id: command, settings: $0, secret: secret)) }
      }.map { [$0] } ?? [])
      + roles
  }

  private static var roles: [MessageBody] {
    [
      .signRole(SignRole(id: command, settings: .version(.max), region: "eu-central-1")),
      .signRole(SignRole(id: command, settings: .proof(command), region: "")),
      .roleSignature(RoleSignature(id: command, outcome: .later(milliseconds: .max))),
      .roleSignature(RoleSignature(id: command, outcome: .declined(reason: "no"))),
    ]
      + (secret("AWS4-HMAC-SHA256 x").map { authorization in
        [
          .roleSignature(
            RoleSignature(
              id: command, outcome: .signed(form: "Action=AssumeRole", authorization: authorization, at: -1)))
        ]
      } ?? [])
  }

  static func envelope(_ body: MessageBody) -> Envelope {
    Envelope(
      body, cluster: cluster, node: node, epoch: epoch, messageID: 42, correlationID: 41, deadlineMilliseconds: -5)
  }

  static func secret(_ text: String) -> Secret? { try? Secret(SecretBytes(copying: Array(text.utf8))) }
}

/// Writes protobuf by hand, as a peer of another make would.
enum Wire {
  static func varint(_ value: UInt64) -> [UInt8] {
    var (value, bytes) = (value, [UInt8]())
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    return bytes + [UInt8(value)]
  }

  static func number(_ field: UInt64, _ value: UInt64) -> [UInt8] { varint(field << 3) + varint(value) }

  static func bytes(_ field: UInt64, _ content: [UInt8]) -> [UInt8] {
    varint(field << 3 | 2) + varint(UInt64(content.count)) + content
  }

  /// Version 1, message id 42, and a body.
  static func envelope(_ field: UInt64, _ body: [UInt8]) -> [UInt8] {
    number(1, 1) + number(2, 42) + bytes(field, body)
  }
}
