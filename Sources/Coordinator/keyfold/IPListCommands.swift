// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// `keyfold iplist …`
struct IPListCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "iplist", abstract: "The versioned list of the nodes' and the control plane's addresses.",
    discussion: """
        keyfold iplist show
        keyfold iplist export --format aws-policy shop
      """,
    subcommands: [Show.self, Export.self])

  struct Show: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows the list, the projects' access lists, and which version each node holds.",
      discussion: """
        Role: any operator, who sees what is of the own projects.

        Example: keyfold iplist show --json
        """)

    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .ipList(let list) = try await session.ask(.showIPList) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(list) { AddressRendering.list($0, now: .now, $1) }
    }
  }
}

extension IPListCommands {
  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Prints what to paste into the KMS's own access rules.",
      discussion: """
        Role: any operator, who sees what is of the own projects.

        What has to be let in is where nodes call from, also those that are about to join, and the control plane.

          aws-policy  a statement for the key's policy: nobody encrypts or decrypts from elsewhere
          azure       commands for the vault $VAULT: its firewall lets these in and nobody else
          gcp         the specification of an access level for VPC Service Controls: save it, then
                      gcloud access-context-manager levels create keyfold --title keyfold --basic-level-spec FILE
          json        all of it, for programs; keyfold local-kms serve --access-list FILE reads it

        What a format can't hold is named on standard error. With --watch the text is printed again at each change, \
        JSON as one line each.

        Example: keyfold iplist export --format aws-policy shop
        Example: keyfold iplist export --format json --watch >addresses.json
        """)

    /// How often the coordinator is asked with `--watch`.
    static let interval = Duration.seconds(1)

    @Argument(help: ArgumentHelp("Only this project's or cluster's nodes; a project's name goes first.")) var name:
      String?
    @Option(name: .long, help: "How it is written.") var format = Format.json
    @Flag(name: .long, help: "Print it again at each change, until interrupted.") var watch = false
    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let terminal = Terminal(json: options.output.json)
      try await terminal.reporting {
        let first = try await ask()
        var shown = try show(first, after: nil, terminal)
        var isAway = false
        while watch {
          guard (try? await Task.sleep(for: Self.interval)) != nil else { return }
          do {
            shown = try show(try await ask(), after: shown, terminal)
            isAway = false
          } catch let failure as OperatorFailure where [.unreachable, .unanswered, .notFound].contains(failure.code) {
            // A coordinator that is restarted comes back; what was printed still holds.
            if !isAway { terminal.complain(failure.description) }
            isAway = true
          }
        }
      }
    }

    /// `IPListFormat` as an argument.
    enum Format: String, CaseIterable, ExpressibleByArgument {
      case json
      case awsPolicy = "aws-policy"
      case azure, gcp

      var meant: IPListFormat {
        switch self {
        case .json: .json
        case .awsPolicy: .awsPolicy
        case .azure: .azure
        case .gcp: .gcp
        }
      }
    }

    /// A connection for each question: one that is lost does not end the watch.
    private func ask() async throws(OperatorFailure) -> IPListExport {
      let session = try await OperatorSession.open(options.path, timeout: options.patience)
      defer { session.close() }
      guard case .ipList(let view) = try await session.ask(.showIPList) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      guard let export = IPListExport(view, of: name) else {
        throw OperatorFailure(
          .notFound, what: "No project or cluster \(name ?? "") has a node with an address.",
          next: "See all with: keyfold iplist show")
      }
      return export
    }

    /// Prints it if it is not what was printed last; answers what is printed now.
    private func show(
      _ export: IPListExport, after last: String?, _ terminal: Terminal
    ) throws(OperatorFailure) -> String {
      guard let text = export.text(format.meant, compact: watch && format == .json) else {
        throw OperatorFailure(
          .invalid, what: "Rules of that kind would let no node in.",
          why: export.leftOut(format.meant).joined(separator: "; "),
          next: "Say in the agents' configuration where their calls come from: outboundAddresses.")
      }
      guard text != last else { return text }
      for line in export.leftOut(format.meant) { terminal.complain("left out: \(line)") }
      terminal.write(text)
      return text
    }
  }
}
