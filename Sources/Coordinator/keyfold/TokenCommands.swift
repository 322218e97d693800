// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import DaemonRuntime
internal import Secrets
internal import Transport

/// `keyfold node token …`
struct TokenCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "One-time tokens by which nodes enrol themselves.",
    discussion: """
      A token lets one node of one name in, once, within its time. It holds the coordinator's address and public key, \
      so that nobody copies a key. Whoever has it can be that node: hand it on like a password.

        keyfold node token create node-a --cluster orders --file node-a.token
        keyfold node token list
        keyfold node token withdraw node-a
      """,
    subcommands: [Create.self, List.self, Withdraw.self])

  struct Create: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a token for a node that is not enrolled yet; shown once and kept nowhere.",
      discussion: """
        Without --file the token is printed. The coordinator keeps only its public half, and 'keyfold-agent join' on \
        the node uses it. A token that was made for the same node before and not used is withdrawn.

        Role: org owner.

        Example: keyfold node token create node-a --cluster orders --file node-a.token
        Example: keyfold node token create node-a --expires 15 \\
                 --coordinator ctl.example.org:7440
        """)

    @Argument(help: "The node's name.", transform: Parse.node) var name: NodeName
    @Option(
      name: .long, help: "The cluster it is meant for (default: any); the cluster need not exist yet.",
      transform: Parse.cluster)
    var cluster: ClusterName?
    @Option(
      name: .long, help: "The project whose clusters alone may take it (default: its cluster's, or any).",
      transform: Parse.project)
    var project: ProjectName?
    @Option(name: .long, help: ArgumentHelp("How long it holds (at most a week).", valueName: "minutes"))
    var expires = EnrolmentTokenView.defaultMinutes
    @Option(name: .long, help: ArgumentHelp("A file to make for it, readable by you only.", valueName: "file"))
    var file: String?
    @Option(
      name: .long,
      help: ArgumentHelp(
        "Where the node reaches the coordinator (default: where this command does).", valueName: "host:port"))
    var coordinator: String?
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      guard EnrolmentTokenView.allowedMinutes.contains(expires) else {
        throw ValidationError("--expires has to be 1 to \(EnrolmentTokenView.allowedMinutes.upperBound) minutes.")
      }
      guard let coordinator else { return }
      do { try MessageLink.check(endpoint: coordinator, sourceAddress: nil) } catch {
        throw ValidationError("--coordinator: \(error.description)")
      }
    }

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      if let file, DurableFile.exists(file) {
        throw OperatorFailure(
          .alreadyExists, what: "There is a file \(file) already.", next: "Name another one with --file.")
      }
      let (token, publicKey) = try make(session)
      let command = OperatorCommand.createToken(
        node: name, cluster: cluster, project: project, publicKey: publicKey, minutes: expires)
      guard case .tokens(let views) = try await session.ask(command), let view = views.first else {
        throw OperatorFailure.unexpectedAnswer()
      }
      try show(token, view, terminal)
    }

    /// Makes the pair here: its secret half reaches nobody but the reader of the output.
    private func make(_ session: OperatorSession) throws(OperatorFailure) -> (JoinToken, String) {
      do {
        let identity = try CurveIdentity.generate()
        var text = try identity.secretKeyText().unprotectedCopy()
        defer { SecretBytes.wipe(&text) }
        var line = Array(text.prefix(CurvePublicKey.textLength))
        defer { SecretBytes.wipe(&line) }
        let token = JoinToken(
          node: name, coordinator: coordinator ?? session.coordinator.address, coordinatorKey: session.coordinator.key,
          secretKey: Secret(try SecretBytes(copying: line)))
        return (token, identity.publicKey.text)
      } catch {
        throw OperatorFailure(.failed, what: "The token was not made.", why: "\(error)")
      }
    }

    private func show(_ token: JoinToken, _ view: EnrolmentTokenView, _ terminal: Terminal) throws(OperatorFailure) {
      var text: String?
      do {
        let line = try token.line()
        if let file {
          try SecretFile.create(file, holding: line)
        } else {
          var bytes = line.unprotectedCopy()
          defer { SecretBytes.wipe(&bytes) }
          text = String(decoding: bytes, as: UTF8.self)
        }
      } catch {
        throw OperatorFailure(
          .failed, what: "The token was made and can't be given to you.", why: error.description,
          next: "Make another one, which withdraws it.")
      }
      let made = MadeToken(token: text, file: file, view: view)
      if terminal.json { return terminal.write(json: made) }
      if let text { terminal.write(text) }
      terminal.complain(
        "Good once, for node \(name), until \(view.expiresAt). On the node: keyfold-agent join --identity FILE --token "
          + (file == nil ? "- (and paste it)" : "FILE"))
    }
  }

  /// A new token in JSON.
  private struct MadeToken: Encodable {
    var token: String?
    var file: String?
    var node: NodeName
    var cluster: ClusterName?
    var publicKey: String
    var expiresAt: OperatorTime

    init(token: String?, file: String?, view: EnrolmentTokenView) {
      (self.token, self.file, node, cluster) = (token, file, view.node, view.cluster)
      (publicKey, expiresAt) = (view.publicKey, view.expiresAt)
    }
  }

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists tokens, also those that ended less than a day ago.",
      discussion: "Role: org owner.\n\nExample: keyfold node token list")

    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await TokenCommands.show(session.ask(.listTokens), terminal)
    }
  }

  struct Withdraw: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes back a node's token that nobody has used.",
      discussion: "Role: org owner.\n\nExample: keyfold node token withdraw node-a")

    @Argument(help: "The node's name.", transform: Parse.node) var name: NodeName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await TokenCommands.show(session.ask(.withdrawToken(node: name)), terminal)
    }
  }

  private static func show(_ answer: OperatorAnswer, _ terminal: Terminal) throws {
    guard case .tokens(let tokens) = answer else { throw OperatorFailure.unexpectedAnswer() }
    terminal.show(
      tokens, as: "tokens", empty: "There is no token. Make one: keyfold node token create NAME --cluster CLUSTER"
    ) { tokens, palette in
      var table = Table("node", "cluster", "project", "state", "made", "by", "expires", "refused", "public half")
      for token in tokens {
        table.rows.append([
          "\(token.node)", "\(token.cluster?.text ?? "any")", "\(token.project?.text ?? "any")",
          Table.Cell(token.state.rawValue, token.state == .open ? .good : nil), "\(token.createdAt)",
          "\(token.createdBy)", "\(token.expiresAt)",
          Table.Cell("\(token.refusals)", token.refusals == 0 ? nil : .warning), "\(token.publicKey)",
        ])
      }
      return table.lines(palette)
    }
  }
}
