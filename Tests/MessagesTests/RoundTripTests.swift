// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Secrets
import Testing

@Suite("A message comes out as it went in")
struct RoundTripTests {
  private func decoded(_ body: MessageBody) throws -> MessageBody {
    try Envelope(decoding: Samples.envelope(body).encoded()).body
  }

  @Test("keeps every byte of every kind of message", arguments: Samples.bodies.indices)
  func bytes(index: Int) throws {
    let envelope = Samples.envelope(Samples.bodies[index])
    let bytes = try envelope.encoded()
    let again = try Envelope(decoding: bytes)
    #expect(try again.encoded() == bytes)
    #expect(again.body.name == envelope.body.name)
  }

  @Test("keeps the envelope's own facts")
  func envelope() throws {
    let decoded = try Envelope(decoding: Samples.envelope(.timeoutNow(TimeoutNow(term: 1))).encoded())
    #expect(decoded.protocolVersion == 1)
    #expect(decoded.messageID == 42)
    #expect(decoded.correlationID == 41)
    #expect(decoded.cluster == Samples.cluster)
    #expect(decoded.node == Samples.node)
    #expect(decoded.epoch == Samples.epoch)
    #expect(decoded.deadlineMilliseconds == -5)
  }

  @Test("keeps absent facts absent")
  func absent() throws {
    let decoded = try Envelope(decoding: Envelope(.timeoutNow(TimeoutNow(term: 0))).encoded())
    #expect(decoded.cluster == nil && decoded.node == nil && decoded.epoch == nil)
  }

  @Test("keeps a node's report, full and bare")
  func report() throws {
    for report in [Samples.report, NodeReport(node: Samples.node, boot: Samples.boot, agentVersion: "", phase: .empty)]
    {
      guard case .hello(let hello) = try decoded(.hello(Hello(report: report))) else {
        Issue.record("another message came out")
        return
      }
      #expect(hello == Hello(report: report))
    }
  }

  @Test("keeps every phase with its reason", arguments: Samples.phases)
  func phase(_ phase: NodePhase) throws {
    var report = Samples.report
    report.phase = phase
    guard case .heartbeat(let decoded) = try decoded(.heartbeat(report)) else {
      Issue.record("another message came out")
      return
    }
    #expect(decoded == report)
  }

  @Test("keeps every verdict with its reason")
  func verdicts() throws {
    let verdicts =
      [Verdict.valid] + RevocationReason.allCases.map { .revoked($0, detail: "d") }
      + OutageReason.allCases.map { .unreachable($0, detail: "") }
    for verdict in verdicts {
      var report = Samples.report
      report.lastCheck?.verdict = verdict
      guard case .heartbeat(let decoded) = try decoded(.heartbeat(report)) else {
        Issue.record("another message came out")
        return
      }
      #expect(decoded.lastCheck?.verdict == verdict)
    }
  }

  @Test("keeps every command", arguments: Samples.actions)
  func action(_ action: NodeAction) throws {
    for plan in [nil, PlanID(checked: Samples.boot.text)] {
      let command = NodeCommand(id: Samples.command, plan: plan, action: action)
      guard case .command(let decoded) = try decoded(.command(command)) else {
        Issue.record("another message came out")
        return
      }
      #expect(decoded == command)
    }
  }

  @Test("keeps every outcome", arguments: Samples.outcomes)
  func outcome(_ outcome: CommandOutcome) throws {
    let result = CommandResult(command: Samples.command, outcome: outcome)
    guard case .commandResult(let decoded) = try decoded(.commandResult(result)) else {
      Issue.record("another message came out")
      return
    }
    #expect(decoded == result)
  }

  @Test("keeps every fault's code", arguments: Fault.Code.allCases)
  func fault(_ code: Fault.Code) throws {
    guard case .fault(let decoded) = try decoded(.fault(Fault(code: code, text: "t"))) else {
      Issue.record("another message came out")
      return
    }
    #expect(decoded == Fault(code: code, text: "t"))
  }

  @Test("keeps a welcome, and its secret apart from an absent one")
  func welcome() throws {
    for secret in [Samples.secret("wJalr/XUt+nFEMI"), Samples.secret(""), nil] {
      let welcome = Welcome(
        assignment: Samples.assignment, kmsSecret: secret, heartbeatMilliseconds: 500,
        formerSecrets: [FormerSecret(settingsVersion: 3, secret: secret)])
      guard case .welcome(let decoded) = try decoded(.welcome(welcome)) else {
        Issue.record("another message came out")
        return
      }
      #expect(decoded.assignment == Samples.assignment)
      #expect(decoded.heartbeatMilliseconds == 500)
      #expect(decoded.formerSecrets.map(\.settingsVersion) == [3])
      #expect(decoded.formerSecrets.first?.secret.map { $0.count } == secret.map { $0.count })
      switch (secret, decoded.kmsSecret) {
      case (nil, nil): break
      case (.some(let sent), .some(let received)): #expect(sent.isEqual(to: received))
      default: Issue.record("the secret came or went")
      }
    }
  }

  @Test(
    "keeps KMS settings of every kind of credentials",
    arguments: [
      .awsAccessKey(id: "AKIA"), .awsRole(arn: "arn:r", externalID: "x", accessKeyID: "AKIA"),
      .awsRole(arn: "arn:r", externalID: nil, accessKeyID: nil), .azureClientSecret(tenant: "t", clientID: "c"),
      .azureManagedIdentity(clientID: "c"), .azureManagedIdentity(clientID: nil), .googleServiceAccount,
      .googleMetadata,
    ] as [KMSCredentials])
  func credentials(_ credentials: KMSCredentials) throws {
    var assignment = Samples.assignment
    assignment.kms = KMSSettings(
      provider: credentials.provider, keyID: "k", region: "", credentials: credentials, issuerEndpoint: "https://i",
      metadataEndpoint: "http://169.254.169.254")
    assignment.kms?.regionEndpoints = ["eu-central-1": "https://a", "us-east-1": "https://b"]
    assignment.kms?.privateRanges = [try IPRange("10.0.0.0/8"), try IPRange("fd00::/8")]
    let welcome = Welcome(assignment: assignment, kmsSecret: nil, heartbeatMilliseconds: 500)
    guard case .welcome(let decoded) = try decoded(.welcome(welcome)) else {
      Issue.record("another message came out")
      return
    }
    #expect(decoded.assignment == assignment)
  }

  @Test("keeps an IP list")
  func ipList() throws {
    guard case .ipList(let decoded) = try decoded(.ipList(Samples.ipList)) else {
      Issue.record("another message came out")
      return
    }
    #expect(decoded == Samples.ipList)
  }

  @Test("keeps the numbers of the schema: a peer of an earlier build reads the same bytes")
  func golden() throws {
    let bytes = try Envelope(.timeoutNow(TimeoutNow(term: 7)), messageID: 1).encoded()
    #expect(bytes == [0x08, 0x01, 0x10, 0x01, 0xA2, 0x02, 0x02, 0x08, 0x07])
    let fault = try Envelope(.fault(Fault(code: .notAllowed, text: "no")), messageID: 1).encoded()
    #expect(fault == [0x08, 0x01, 0x10, 0x01, 0xCA, 0x01, 0x06, 0x08, 0x04, 0x12, 0x02, 0x6E, 0x6F])
  }

  @Test("splits 10,000 keys into parts that all fit")
  func keyParts() throws {
    let keys = (0..<10_000).map { KeyReport(id: .random(for: .system), createdAtMilliseconds: Int64($0)) }
    let parts = KeysReport.parts(generation: Samples.generation, keystoreVersion: 1, keys: keys)
    #expect(parts.count == 5)
    #expect(parts.map(\.last) == [false, false, false, false, true])
    var received: [KeyReport] = []
    for part in parts {
      guard case .keysReport(let decoded) = try decoded(.keysReport(part)) else {
        Issue.record("another message came out")
        return
      }
      #expect(decoded == part)
      received += decoded.keys
    }
    #expect(received == keys)
    #expect(KeysReport.parts(generation: Samples.generation, keystoreVersion: 1, keys: []).map(\.last) == [true])
  }

  @Test("cuts the payload of shipped entries exactly")
  func slices() throws {
    let entries = [2, 0, 1].map { EntryHeader(term: 1, kind: 0, payloadLength: $0) }
    let message = AppendEntries(
      term: 1, previousTerm: 0, previousIndex: 0, commitIndex: 0, entries: entries, round: 1)
    #expect(try message.slices(of: [1, 2, 3]).map(Array.init) == [[1, 2], [], [3]])
    #expect(throws: MessageError.self) { try message.slices(of: [1, 2]) }
    #expect(throws: MessageError.self) { try message.slices(of: [1, 2, 3, 4]) }
    let huge = AppendEntries(
      term: 1, previousTerm: 0, previousIndex: 0, commitIndex: 0,
      entries: Array(repeating: EntryHeader(term: 1, kind: 0, payloadLength: .max), count: 3), round: 1)
    #expect(throws: MessageError.self) { try huge.slices(of: [1]) }
  }
}
