// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import MailSink
import Secrets
import Testing

@testable import Mail

@Suite("Mail goes out over TLS, logged in, or not at all", .timeLimit(.minutes(10)))
struct MailSenderTests {
  private static let password = "correct horse"

  private func server(_ sink: MailSink, encryption: MailServer.Encryption = .startTLS, trusting: Bool = true)
    -> MailServer
  {
    MailServer(
      host: "localhost", port: sink.port, encryption: encryption, user: "keyfold", from: "keyfold@example.org",
      certificateAuthorityPEM: trusting ? sink.authority : nil)
  }

  private func message() -> MailMessage {
    MailMessage(
      from: "keyfold@example.org", recipients: ["a@example.org"], subject: "s", text: "one\n.\n..two", id: "1@k",
      dateMilliseconds: 0)
  }

  private func send(_ sink: MailSink, _ server: MailServer, password: String = password) async -> MailError? {
    do throws(MailError) {
      let secret = try? Secret(SecretBytes(copying: Array(password.utf8)))
      try await MailSender().send(message(), to: "a@example.org", through: server, password: secret)
      return nil
    } catch { return error }
  }

  private func with(_ manner: MailSink.Manner = .init(), _ body: (MailSink) async throws -> Void) async throws {
    let sink = try MailSink(manner)
    try await sink.start()
    do { try await body(sink) } catch {
      await sink.stop()
      throw error
    }
    await sink.stop()
  }

  @Test("by STARTTLS, with user and password said inside TLS only, and every line as it was")
  func startTLS() async throws {
    try await with { sink in
      #expect(await send(sink, server(sink)) == nil)
      let mail = try #require(sink.mails.first)
      #expect(mail.user == "keyfold" && mail.from == "keyfold@example.org" && mail.recipients == ["a@example.org"])
      #expect(mail.header("Message-ID") == "<1@k>")
      #expect(mail.data.hasSuffix("\r\n\r\none\r\n.\r\n..two\r\n"))
      #expect(!sink.inTheClear.uppercased().contains("AUTH") && !sink.inTheClear.contains("MAIL"))
    }
  }

  @Test("by TLS from the first byte")
  func implicit() async throws {
    var manner = MailSink.Manner()
    manner.isImplicit = true
    try await with(manner) { sink in
      #expect(await send(sink, server(sink, encryption: .implicit)) == nil)
      #expect(sink.mails.count == 1)
    }
  }

  @Test("not to a server without TLS: nothing but a greeting is said to it")
  func noTLS() async throws {
    var manner = MailSink.Manner()
    manner.offersTLS = false
    try await with(manner) { sink in
      #expect(await send(sink, server(sink))?.code == .tls)
      #expect(sink.mails.isEmpty && !sink.inTheClear.uppercased().contains("AUTH"))
    }
  }

  @Test("not to a server whose certificate nobody vouches for, or that has another name")
  func certificate() async throws {
    try await with { sink in
      #expect(await send(sink, server(sink, trusting: false))?.code == .tls)
      var other = server(sink)
      other.host = "127.0.0.2"
      #expect([.tls, .unreachable].contains(await send(sink, other)?.code))
      #expect(sink.mails.isEmpty)
    }
  }

  @Test("tells a wrong password, a server that refuses, one that asks to come back, and one that is not there")
  func failures() async throws {
    try await with { sink in
      let wrong = await send(sink, server(sink), password: "wrong battery")
      #expect(wrong?.code == .login)
      #expect(wrong?.description.contains("battery") == false)
      sink.fail(["451 later", "550 never"])
      #expect(await send(sink, server(sink))?.code == .unreachable)
      #expect(await send(sink, server(sink))?.code == .refused)
      #expect(await send(sink, server(sink)) == nil)
    }
    let sink = try MailSink()
    try await sink.start()
    let gone = server(sink)
    await sink.stop()
    #expect(await send(sink, gone)?.code == .unreachable)
  }

  @Test("refuses hosts that are none", arguments: ["", "a b", "a/b", "a@b", "a:b", "a\r\nb", "[::1]", "ä.org"])
  func hosts(host: String) {
    let server = MailServer(host: host, port: 25, encryption: .startTLS, user: nil, from: "a@b.c")
    #expect(throws: MailError.self) { try MailSender.url(of: server) }
  }
}
