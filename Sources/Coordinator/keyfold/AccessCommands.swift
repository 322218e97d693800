// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// `keyfold project access …`
struct AccessCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "access", abstract: "From where drivers may connect to a project's clusters.",
    discussion: """
      Without an access list drivers may connect from anywhere. The first entry turns the list on: then only its \
      ranges, the cluster's own nodes, 127.0.0.1 and ::1 are let in, and the replication port takes only the cluster's \
      own nodes. Connections that are open from elsewhere end. The list stays on when its last entry goes.

        keyfold project access add shop 203.0.113.0/24 --comment "the shop's servers"
        keyfold project access add shop 198.51.100.7 --comment "an audit" \\
            --expires-after 8
        keyfold project access list shop
      """,
    subcommands: [Add.self, Remove.self, List.self, Off.self])

  struct Add: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lets an address or a range in.",
      discussion: """
        Role: project owner.

        Example: keyfold project access add shop 203.0.113.0/24 \\
                     --comment "the shop's servers"
        Example: keyfold project access add shop 2001:db8::7 --expires-after 8
        """)

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @Argument(help: "An address, or a range in CIDR notation.", transform: Parse.range) var range: String
    @Option(name: .long, help: ArgumentHelp("What it is for, for whoever reads the list.", valueName: "text"))
    var comment = ""
    @Option(
      name: .long,
      help: ArgumentHelp(
        "Take it off again after that many hours, whether a coordinator runs or not (default: never).",
        valueName: "hours"))
    var expiresAfter: Int?
    @Flag(name: .long, help: "Do it although the range is every address there is.") var confirm = false
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await AccessCommands.ask(
        .addAccess(project: project, range: range, comment: comment, hours: expiresAfter, anywhere: confirm), session,
        terminal)
    }
  }

  struct Remove: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes an address or a range off; connections from there end.",
      discussion: "Role: project owner.\n\nExample: keyfold project access remove shop 203.0.113.0/24")

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @Argument(help: "The address or range, as it is on the list.", transform: Parse.range) var range: String
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await AccessCommands.ask(.removeAccess(project: project, range: range), session, terminal)
    }
  }

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows the list, and how many nodes hold it.",
      discussion: "Role: read only.\n\nExample: keyfold project access list shop")

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await AccessCommands.ask(.listAccess(project: project), session, terminal)
    }
  }

  struct Off: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Drops the list with all its entries: drivers may connect from anywhere.",
      discussion: "Role: project owner.\n\nExample: keyfold project access off shop --confirm")

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @Flag(name: .long, help: "Do it: drivers may connect from anywhere then.") var confirm = false
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      guard confirm else {
        throw ValidationError("Drivers may connect from anywhere then: say --confirm if that is what you want.")
      }
    }

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await AccessCommands.ask(.dropAccessList(project: project), session, terminal)
    }
  }

  private static func ask(
    _ command: OperatorCommand, _ session: OperatorSession, _ terminal: Terminal
  ) async throws {
    guard case .accessList(let list) = try await session.ask(command) else { throw OperatorFailure.unexpectedAnswer() }
    terminal.show(list) { AddressRendering.access($0, now: .now, $1) }
  }
}

extension Parse {
  /// An address or range in its canonical form.
  static func range(_ text: String) throws -> String {
    do { return try IPRange(text).description } catch { throw ValidationError(error.description) }
  }
}
