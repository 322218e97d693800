// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import Foundation
internal import Secrets

/// `keyfold mail …`
struct MailCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mail", abstract: "Mail to the owners of projects whose key was revoked.",
    discussion: """
        keyfold mail set --server smtp.example.com:587 --from keyfold@example.com
        keyfold mail test --to security@example.com
      """,
    subcommands: [Set.self, Show.self, Test.self])

  struct Set: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Names the mail server; mails that wait are tried at once.",
      discussion: """
        There is no mail without TLS: the server's certificate has to be valid for its name. The password is read from \
        a file that only you can read, or from standard input with '-', and rests sealed in the coordinator's store.

        Role: org owner.

        Example: keyfold mail set --server smtp.example.com:587 \\
                     --from keyfold@example.com --user keyfold \\
                     --password-file ./password.txt
        """)

    @Option(name: .long, help: ArgumentHelp("The server.", valueName: "host:port")) var server: String
    @Option(name: .long, help: ArgumentHelp("The address that mails come from.", valueName: "mail")) var from: String
    @Option(name: .long, help: ArgumentHelp("The user to log in as (default: no login).", valueName: "name"))
    var user: String?
    @Option(
      name: .long, parsing: .unconditional,
      help: ArgumentHelp("A file with the password, or - for standard input.", valueName: "file"))
    var passwordFile: String?
    @Option(
      name: .long, help: "How TLS begins: starttls, or implicit from the first byte (default: implicit for port 465).")
    var tls: String?
    @Option(
      name: .long, help: ArgumentHelp("PEM certificates to trust instead of the system's.", valueName: "file"))
    var caFile: String?
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let password = try passwordFile.map { (file) throws(OperatorFailure) in
        try SecretInput.read(file, option: "--password-file", prompt: "password of \(user ?? "the mail server"): ")
      }
      guard case .mail(let mail) = try await session.ask(.setMail(server: try given()), secret: password) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(mail) { mail, palette in
        MailRendering.facts(mail, now: .now, palette) + ["Try it: keyfold mail test --to ADDRESS"]
      }
    }
  }

  struct Show: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows the mail server and what waits to be sent; the password is never shown.",
      discussion: "Role: org owner.\n\nExample: keyfold mail show")

    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .mail(let mail) = try await session.ask(.showMail) else { throw OperatorFailure.unexpectedAnswer() }
      terminal.show(mail) { MailRendering.facts($0, now: .now, $1) }
    }
  }

  struct Test: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Sends a mail to an address now, and says what the server answered.",
      discussion: "Role: org owner.\n\nExample: keyfold mail test --to security@example.com")

    @Option(name: .long, help: ArgumentHelp("The address.", valueName: "mail")) var to: String
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .mail(let mail) = try await session.ask(.testMail(to: to)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(mail) { _, _ in ["The server took the mail for \(to)."] }
    }
  }
}

extension MailCommands.Set {
  private func given() throws(OperatorFailure) -> MailServer {
    guard let colon = server.lastIndex(of: ":"), colon > server.startIndex,
      let port = UInt16(server[server.index(after: colon)...])
    else {
      throw OperatorFailure(
        .invalid, what: "The server '\(server)' is none.", next: "Write it as HOST:PORT, such as smtp.example.com:587.")
    }
    var host = String(server[..<colon])
    if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
    let encryption = tls.map { MailServer.Encryption(rawValue: $0) } ?? (port == 465 ? .implicit : .startTLS)
    guard let encryption else {
      throw OperatorFailure(
        .invalid, what: "There is no way to begin TLS like that.", next: "Say starttls or implicit.")
    }
    var authority: String?
    if let caFile {
      authority = try? String(contentsOf: URL(fileURLWithPath: caFile), encoding: .utf8)
      guard authority?.contains("-----BEGIN CERTIFICATE-----") == true else {
        throw OperatorFailure(
          .invalid, what: "The file \(caFile) holds no certificate.", next: "Give a file with PEM certificates.")
      }
    }
    return MailServer(
      host: host, port: port, encryption: encryption, user: user, from: from, certificateAuthorityPEM: authority)
  }
}

/// Mail as text.
enum MailRendering {
  static func facts(_ mail: MailView, now: OperatorTime, _ palette: Palette) -> [String] {
    guard let server = mail.server else {
      return ["No mail server is set; set it with: keyfold mail set"] + waiting(mail, now: now, palette)
    }
    let facts = Table.facts(
      [
        ("server", "\(server.host):\(server.port)"),
        ("TLS", server.encryption == .implicit ? "from the first byte" : "by STARTTLS"),
        ("trusted authority", server.certificateAuthorityPEM == nil ? "the system's" : "the operator's own"),
        ("user", "\(server.user ?? "none")"), ("from", "\(server.from)"),
        ("last mail sent", mail.lastSentAt.map { "\($0)" }),
      ], palette)
    return facts + waiting(mail, now: now, palette)
  }

  private static func waiting(_ mail: MailView, now: OperatorTime, _ palette: Palette) -> [String] {
    guard !mail.waiting.isEmpty else { return ["Nothing waits to be sent."] }
    var table = Table("to", "since", "attempts", "about", "trouble")
    for entry in mail.waiting {
      table.rows.append([
        "\(entry.recipient)", "\(Wording.ago(entry.since, now: now))", "\(entry.attempts)", "\(entry.subject)",
        "\(entry.trouble ?? "-")",
      ])
    }
    return table.lines(palette)
  }
}
