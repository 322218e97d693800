// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import DaemonRuntime
internal import Secrets
internal import Transport

/// `keyfold operator …`
struct OperatorCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operator", abstract: "Operators: who may give orders to the coordinator, each by a key of their own.",
    discussion: """
      The coordinator's first start makes the operator 'admin', an org owner. Org owners make projects, let operators \
      and nodes in and see everything; what is done in a project takes a role there ('keyfold project member'), from \
      org owners too. Whose order it was, and who was refused what, stands in the audit record.

        keyfold operator init ada --file ada.json --coordinator 127.0.0.1:7440 \\
            --coordinator-key KEY
        keyfold operator add ada --key KEY
        keyfold operator role ada --role org-owner
        keyfold operator list
        keyfold operator remove ada
      """,
    subcommands: [Initialize.self, Add.self, Role.self, List.self, Remove.self])

  struct Initialize: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "init", abstract: "Makes an operator's key pair and file, and prints the public key.",
      discussion: """
        Nobody is asked. The file holds the secret key: make it where it is to be used. An operator who is let in \
        already then adds the public key. Address and key of the coordinator stand in its ready.json.

        Example: keyfold operator init ada --file ada.json \\
                     --coordinator 127.0.0.1:7440 --coordinator-key KEY
        """)

    @Argument(help: "The operator's name.", transform: Parse.admin) var name: OperatorName
    @Option(name: .long, help: ArgumentHelp("The file to make, readable by you only.", valueName: "file"))
    var file: String
    @Option(name: .long, help: ArgumentHelp("Where the coordinator listens.", valueName: "host:port"))
    var coordinator: String
    @Option(
      name: .long, parsing: .unconditional,
      help: ArgumentHelp("The coordinator's CURVE public key: 40 characters of Z85.", valueName: "key"))
    var coordinatorKey: String
    @OptionGroup var output: OutputOptions

    func run() async throws {
      let terminal = Terminal(json: output.json)
      try await terminal.reporting {
        let key = try make()
        terminal.show(["publicKey": key]) { _, _ in [key] }
      }
    }

    /// Makes pair and file; an existing file is left as it is.
    private func make() throws(OperatorFailure) -> String {
      guard !DurableFile.exists(file) else {
        throw OperatorFailure(
          .alreadyExists, what: "There is a file \(file) already.", next: "Name another one with --file.")
      }
      do {
        _ = try CurvePublicKey(coordinatorKey)
        let identity = try CurveIdentity.generate()
        var text = try identity.secretKeyText().unprotectedCopy()
        defer { SecretBytes.wipe(&text) }
        var line = Array(text.prefix(CurvePublicKey.textLength))
        defer { SecretBytes.wipe(&line) }
        try OperatorFile(
          coordinator: coordinator, coordinatorKey: coordinatorKey, operatorName: name.text,
          publicKey: identity.publicKey.text, secretKey: Secret(try SecretBytes(copying: line))
        ).write(file)
        return identity.publicKey.text
      } catch {
        throw OperatorFailure(.failed, what: "The operator's file was not made.", why: "\(error)")
      }
    }
  }

  struct Add: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lets an operator in by a public key.",
      discussion: """
        'keyfold operator init' prints the key. What the operator may do in projects is given by 'keyfold project \
        member add'.

        Role: org owner.

        Example: keyfold operator add ada --key KEY
        """)

    @Argument(help: "The operator's name.", transform: Parse.admin) var name: OperatorName
    @Option(
      name: .long, parsing: .unconditional,
      help: ArgumentHelp("The operator's CURVE public key: 40 characters of Z85.", valueName: "key"))
    var key: String
    @Option(
      name: .long, help: "What the operator may do beside the roles in projects: member or org-owner.",
      transform: Parse.operatorRole)
    var role: OperatorRole = .member
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await OperatorCommands.show(session.ask(.addOperator(name: name, publicKey: key, role: role)), terminal)
    }
  }

  struct Role: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes an operator an org owner, or one no more.",
      discussion: """
        The last org owner stays one. Roles in projects stay as they are.

        Role: org owner.

        Example: keyfold operator role ada --role org-owner
        """)

    @Argument(help: "The operator's name.", transform: Parse.admin) var name: OperatorName
    @Option(name: .long, help: "member or org-owner.", transform: Parse.operatorRole) var role: OperatorRole
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await OperatorCommands.show(session.ask(.setOperatorRole(name: name, role: role)), terminal)
    }
  }

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists operators with their roles, also those that were removed.",
      discussion: "Role: any operator.\n\nExample: keyfold operator list")

    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await OperatorCommands.show(session.ask(.listOperators), terminal)
    }
  }

  struct Remove: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Refuses an operator's key at once and for good.",
      discussion: """
        The name and the key stay taken. Nobody removes the last org owner.

        Role: org owner.

        Example: keyfold operator remove ada
        """)

    @Argument(help: "The operator's name.", transform: Parse.admin) var name: OperatorName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await OperatorCommands.show(session.ask(.removeOperator(name: name)), terminal)
    }
  }

  private static func show(_ answer: OperatorAnswer, _ terminal: Terminal) throws {
    guard case .operators(let operators) = answer else { throw OperatorFailure.unexpectedAnswer() }
    terminal.show(operators, as: "operators", empty: "There is no operator.") { operators, palette in
      var table = Table("operator", "role", "in projects", "added", "removed", "public key")
      for known in operators {
        let projects = (known.projects ?? []).map { "\($0.project): \($0.role.title)" }.joined(separator: ", ")
        table.rows.append([
          "\(known.name)", "\(known.role?.title ?? "-")", "\(projects.isEmpty ? "-" : projects)",
          "\(known.addedAt?.description ?? "-")",
          Table.Cell(known.removedAt?.description ?? "-", known.removedAt == nil ? nil : .warning),
          "\(known.publicKey)",
        ])
      }
      return table.lines(palette)
    }
  }
}

extension NodeCommands {
  struct Revoke: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Refuses a node's key at once and for good: here, and at the members of its cluster.",
      discussion: """
        For a machine or an identity that was stolen. In its shard the node counts as one that is down. A running \
        agent keeps what it has in memory: change the KMS credentials too ('keyfold kms set'), and stop it if you can. \
        Name and key stay taken; the machine comes back with a new identity under a new name.

        Role: org owner.

        Example: keyfold node revoke node-a
        """)

    @Argument(help: "The node's name.", transform: Parse.node) var name: NodeName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .node(let node) = try await session.ask(.revokeNode(name: name)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(node) { node, _ in ["The key of node \(node.name) is refused from now on."] }
    }
  }
}
