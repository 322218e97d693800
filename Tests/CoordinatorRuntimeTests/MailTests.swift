// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import CoordinatorCore
import Foundation
import KeyManagement
import MailSink
import Messages
import Testing
import Transport

@testable import CoordinatorRuntime

private let shop = ProjectName(checked: "shop")

@Suite("The coordinator's mail", .timeLimit(.minutes(10)))
struct MailTests {
  private struct Failure: Error {}
  private static let password = "correct horse"

  private static func with(_ body: @Sendable (MailSink) async throws -> Void) async throws {
    let sink = try MailSink()
    try await sink.start()
    do { try await body(sink) } catch {
      await sink.stop()
      throw error
    }
    await sink.stop()
  }

  private static func server(_ sink: MailSink) -> MailServer {
    MailServer(
      host: "localhost", port: sink.port, encryption: .startTLS, user: "keyfold", from: "keyfold@example.org",
      certificateAuthorityPEM: sink.authority)
  }

  @Test("goes through the server that an operator names; its password is shown to nobody and rests sealed")
  func test() async throws {
    try await Self.with { sink in
      try await CoordinatorHarness.withFolder { directory in
        try await CoordinatorHarness.run(directory: directory) { harness in
          let admin = try await harness.admin()
          defer { admin.link.close() }
          #expect(try await admin.refused(.testMail(to: "a@example.org"))?.why == "No mail server is set.")
          #expect(try await admin.refused(.setMail(server: Self.server(sink)))?.code == .invalid, "no password")
          let answer = try await admin.ask(.setMail(server: Self.server(sink)), secret: Self.password)
          #expect(!"\(answer)".contains(Self.password))
          guard case .mail = try await admin.ask(.testMail(to: "a@example.org")) else { throw Failure() }
          #expect(sink.mails.map(\.recipients) == [["a@example.org"]])
          _ = try await admin.ask(.setMail(server: Self.server(sink)), secret: "wrong battery")
          let failure = try await admin.refused(.testMail(to: "a@example.org"))
          #expect(failure?.next.contains("user and password") == true)
          #expect("\(failure.map { "\($0)" } ?? "")".contains("battery") == false)
          #expect(try await admin.refused(.testMail(to: "a@b\r\nBcc: c@d"))?.code == .invalid)
        }
        for file in try FileManager.default.contentsOfDirectory(atPath: directory) {
          let data = try Data(contentsOf: URL(fileURLWithPath: directory + "/" + file))
          for word in [Self.password, "wrong battery"] { #expect(data.range(of: Data(word.utf8)) == nil, "\(file)") }
        }
      }
    }
  }

  @Test(
    "tells every owner once that the key was taken away, though the server refuses at first, and once that it is back")
  func episode() async throws {
    try await Self.with { sink in
      let server = Self.server(sink)
      try await ProofTests.withNode(owners: ["a@example.org", "b@example.org"]) { harness, admin, agent in
        _ = try await admin.ask(.setMail(server: server), secret: Self.password)
        sink.fail(["451 later"])
        harness.kms.fail(.keyDisabled)
        _ = try await admin.ask(.checkKMS(project: shop))
        let check = CheckReport(
          verdict: .revoked(.keyDisabled, detail: "off"), customerKeyID: FakeKMS.keyID, settingsVersion: 1,
          startedAtMilliseconds: harness.clock.now().milliseconds)
        try agent.say(.heartbeat(ProofTests.encrypted(agent, check: check)))
        _ = try await agent.next { envelope -> NodeCommand? in
          guard case .command(let command) = envelope.body, case .disable = command.action else { return nil }
          return command
        }
        try await Self.take(1, from: sink)
        try await Self.mail(admin) { $0.waiting.count == 1 && $0.waiting[0].attempts == 1 }
        // The operator's word makes what waits due at once.
        _ = try await admin.ask(.setMail(server: server), secret: Self.password)
        try await Self.take(1, from: sink)
        #expect(Set(sink.mails.flatMap(\.recipients)) == ["a@example.org", "b@example.org"])
        #expect(Set(sink.mails.map { $0.header("Message-ID") }).count == 1)
        #expect(sink.mails.allSatisfy { $0.data.contains("  orders") })
        harness.kms.fail(nil)
        _ = try await admin.ask(.checkKMS(project: shop))
        try await Self.take(2, from: sink)
        #expect(sink.mails[3].header("In-Reply-To") == sink.mails[0].header("Message-ID"))
        try await Self.mail(admin) { $0.waiting.isEmpty }
      }
    }
  }

  /// Waits until the coordinator's store says what a test expects: the server's answers are still on their way.
  private static func mail(_ admin: OperatorClient, is expected: (MailView) -> Bool) async throws {
    while true {
      guard case .mail(let view) = try await admin.ask(.showMail) else { throw Failure() }
      if expected(view) { return }
    }
  }

  /// Waits until the sink has taken so many more.
  private static func take(_ count: Int, from sink: MailSink) async throws {
    var left = count
    for await _ in sink.taken {
      left -= 1
      if left == 0 { return }
    }
    throw Failure()
  }
}
