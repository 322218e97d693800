// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Messages
import Testing
import Transport

@testable import CoordinatorRuntime

private let node = NodeName(checked: "late")

@Suite("Whoever holds a token is heard on its node's enrolment and nothing else", .timeLimit(.minutes(10)))
struct EnrolmentTests {
  /// Somebody who connects with a token.
  private func applicant(_ token: CurveIdentity, of harness: CoordinatorHarness) async throws -> MessageLink {
    try await OperatorClient(coordinator: harness.address, key: harness.publicKey, identity: token).link
  }

  private func ask(_ link: MessageLink, key: CurvePublicKey) async throws -> EnrolmentResult {
    let envelope = Envelope(.enrolNode(EnrolNode(node: node, publicKey: key.text)))
    guard case .enrolmentResult(let result) = try await link.call(envelope, within: .seconds(300)).envelope.body else {
      throw OperatorTests.Failure()
    }
    return result
  }

  private func create(_ token: CurveIdentity, _ admin: OperatorClient) async throws {
    let command = OperatorCommand.createToken(
      node: node, cluster: nil, project: nil, publicKey: token.publicKey.text, minutes: 60)
    guard case .tokens(let made) = try await admin.ask(command) else { throw OperatorTests.Failure() }
    #expect(made.map(\.state) == [.open] && made.first?.createdBy.text == "admin")
  }

  @Test("and the node is let in from then on; a lost answer is given again by the next life of the coordinator")
  func enrols() async throws {
    try await CoordinatorHarness.withFolder { directory in
      let (token, own) = (try CurveIdentity.generate(), try CurveIdentity.generate())
      try await CoordinatorHarness.run(directory: directory) { harness in
        let admin = try await harness.admin()
        defer { admin.link.close() }
        try await create(token, admin)
        let link = try await applicant(token, of: harness)
        defer { link.close() }
        #expect(try await ask(link, key: own.publicKey) == EnrolmentResult(enrolled: true))
        let agent = try await FakeAgent("late", of: harness, identity: own)
        agent.link.close()
      }
      try await CoordinatorHarness.run(directory: directory) { harness in
        let link = try await applicant(token, of: harness)
        defer { link.close() }
        #expect(try await ask(link, key: own.publicKey).enrolled)
        let stranger = try CurveIdentity.generate().publicKey
        let refused = try await ask(link, key: stranger)
        #expect(!refused.enrolled && refused.reason.contains("used already"), "\(refused)")
        let admin = try await harness.admin()
        defer { admin.link.close() }
        guard case .tokens(let tokens) = try await admin.ask(.listTokens) else { throw OperatorTests.Failure() }
        #expect(tokens.map(\.state) == [.used] && tokens.first?.usedBy == own.publicKey.text)
        guard case .audit(let page) = try await admin.ask(.readAudit(after: nil, limit: 20)) else {
          throw OperatorTests.Failure()
        }
        let actions = page.links.map(\.entry.action)
        #expect(
          ["node token create", "node enrolled", "node token refused"].allSatisfy(actions.contains), "\(actions)")
      }
    }
  }

  @Test("says nothing of the rest: not as an operator, not as a node; then the token is heard no more")
  func nothingElse() async throws {
    try await CoordinatorHarness.run { harness in
      let admin = try await harness.admin()
      defer { admin.link.close() }
      let token = try CurveIdentity.generate()
      try await create(token, admin)
      let link = try await applicant(token, of: harness)
      defer { link.close() }
      let reply = try await link.call(
        Envelope(.operatorRequest(OperatorRequest(name: "project list"))),
        payload: try OperatorPayload.encode(.listProjects), within: .seconds(300))
      guard case .enrolmentResult(let result) = reply.envelope.body else { throw OperatorTests.Failure() }
      #expect(!result.enrolled && reply.payload.isEmpty)
      // As the node it is meant for: the listener itself refuses a message that speaks for a node.
      let hello = NodeReport(node: node, boot: BootID.random(), agentVersion: "test", phase: .empty)
      let error = await #expect(throws: TransportError.self) {
        _ = try await link.call(Envelope(.hello(Hello(report: hello)), node: node), within: .seconds(300))
      }
      #expect(error?.fault?.code == .notAllowed)
      _ = try await admin.ask(.withdrawToken(node: node))
      let refused = await #expect(throws: TransportError.self) { _ = try await applicant(token, of: harness) }
      #expect(refused?.code == .refused, "\(String(describing: refused))")
    }
  }

  @Test("without a token nobody gets so far, not even a token's public half")
  func stranger() async throws {
    try await CoordinatorHarness.run { harness in
      let refused = await #expect(throws: TransportError.self) {
        _ = try await applicant(try .generate(), of: harness)
      }
      #expect(refused?.code == .refused)
    }
  }
}
