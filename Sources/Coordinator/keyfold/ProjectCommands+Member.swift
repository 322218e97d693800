// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension Parse {
  static func projectRole(_ text: String) throws -> ProjectRole {
    guard let role = ProjectRole(rawValue: text) else {
      throw ValidationError("it has to be \(ProjectRole.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return role
  }

  static func operatorRole(_ text: String) throws -> OperatorRole {
    guard let role = OperatorRole(rawValue: text) else {
      throw ValidationError("it has to be \(OperatorRole.allCases.map(\.rawValue).joined(separator: " or "))")
    }
    return role
  }
}

extension ProjectCommands {
  /// `keyfold project member …`
  struct Member: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "member", abstract: "Who may do what in a project.",
      discussion: """
        Roles, each with all that the ones before it may do:
          read-only        sees the project, its clusters, nodes, plans and keys
          cluster-manager  makes clusters and runs plans: start, restart, shutdown, nodes, rotation of master keys
          project-owner    changes KMS settings, encryption, users, maintenance, and who is in the project

        An org owner sees every project, and gives roles to everybody, but changes a project only with a role there.

          keyfold project member add shop ada --role cluster-manager
          keyfold project member list shop
        """,
      subcommands: [Add.self, Remove.self, List.self])

    struct Add: OperatorSubcommand {
      static let configuration = CommandConfiguration(
        abstract: "Gives an operator a role in a project, in place of the one there was.",
        discussion: """
          Role: project owner or org owner.

          Example: keyfold project member add shop ada --role cluster-manager
          """)

      @Argument(help: "The project's name.", transform: Parse.project) var project: ProjectName
      @Argument(help: "The operator's name.", transform: Parse.admin) var name: OperatorName
      @Option(name: .long, help: "read-only, cluster-manager or project-owner.", transform: Parse.projectRole)
      var role: ProjectRole
      @OptionGroup var options: GlobalOptions

      func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
        try await Member.show(session.ask(.addMember(project: project, admin: name, role: role)), terminal)
      }
    }

    struct Remove: OperatorSubcommand {
      static let configuration = CommandConfiguration(
        abstract: "Takes an operator's role in a project away.",
        discussion: "Role: project owner or org owner.\n\nExample: keyfold project member remove shop ada")

      @Argument(help: "The project's name.", transform: Parse.project) var project: ProjectName
      @Argument(help: "The operator's name.", transform: Parse.admin) var name: OperatorName
      @OptionGroup var options: GlobalOptions

      func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
        try await Member.show(session.ask(.removeMember(project: project, admin: name)), terminal)
      }
    }

    struct List: OperatorSubcommand {
      static let configuration = CommandConfiguration(
        abstract: "Lists who has which role in a project.",
        discussion: """
          Role: read only.

          Example: keyfold project member list shop
          """)

      @Argument(help: "The project's name.", transform: Parse.project) var project: ProjectName
      @OptionGroup var options: GlobalOptions

      func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
        try await Member.show(session.ask(.listMembers(project: project)), terminal)
      }
    }

    private static func show(_ answer: OperatorAnswer, _ terminal: Terminal) throws {
      guard case .members(let members) = answer else { throw OperatorFailure.unexpectedAnswer() }
      terminal.show(members, as: "members", empty: "Nobody has a role in the project.") { members, palette in
        var table = Table("operator", "role")
        for member in members { table.rows.append(["\(member.admin)", "\(member.role.title)"]) }
        return table.lines(palette)
      }
    }
  }
}
