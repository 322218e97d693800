// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// `keyfold project …`
struct ProjectCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "project", abstract: "Projects: the unit that owns KMS settings and clusters.",
    discussion: """
        keyfold project create shop --owner security@example.com
        keyfold kms set shop --key ARN --access-key-id ID --secret-file FILE
        keyfold project member add shop ada --role cluster-manager
        keyfold project show shop
      """,
    subcommands: [
      Create.self, List.self, Show.self, Owners.self, Member.self, Maintenance.self, AccessCommands.self,
    ])

  struct Create: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a project.",
      discussion: """
        Who makes it becomes its project owner.

        Role: org owner.

        Example: keyfold project create shop --owner security@example.com
                 keyfold kms set shop --key ARN --access-key-id ID --secret-file FILE
        """)

    @Argument(help: "The project's name.", transform: Parse.project) var name: ProjectName
    @Option(name: .long, help: ArgumentHelp("An owner's mail address; may be given more than once.", valueName: "mail"))
    var owner: [String] = []
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .project(let project) = try await session.ask(.createProject(name: name, owners: owner)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(project) { project, _ in
        [
          "Project \(project.name) is there. Next, the key it is to use:",
          "  keyfold kms set \(project.name) --key ARN --access-key-id ID --secret-file FILE",
        ]
      }
    }
  }

  struct Owners: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Names a project's owners anew: who gets mail when its key is revoked, and when it is back.",
      discussion: """
        Without --owner and --none the owners are shown as they are. Mail needs a server: keyfold mail set.

        Role: project owner; read only to look.

        Example: keyfold project owners shop --owner security@example.com \\
                     --owner dba@example.com
        """)

    @Argument(help: "The project's name.", transform: Parse.project) var name: ProjectName
    @Option(
      name: .long, help: ArgumentHelp("An owner's mail address; may be given more than once.", valueName: "mail"))
    var owner: [String] = []
    @Flag(name: .customLong("none"), help: "Take all owners away: nobody gets mail then.") var isNone = false
    @OptionGroup var options: GlobalOptions

    /// What the coordinator is asked: to show the owners, unless others are named or none are wanted.
    var command: OperatorCommand {
      owner.isEmpty && !isNone ? .showProject(name: name) : .setOwners(project: name, owners: owner)
    }

    func validate() throws {
      if isNone, !owner.isEmpty { throw ValidationError("Give --owner or --none, not both.") }
    }

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .project(let project) = try await session.ask(command) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(project, ProjectRendering.facts)
    }
  }

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists all projects.",
      discussion: """
        Role: any operator, who sees what is of the own projects.

        Example: keyfold project list --json
        """)

    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .projects(let projects) = try await session.ask(.listProjects) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(
        projects, as: "projects", empty: "There is no project yet. Make one: keyfold project create NAME",
        ProjectRendering.list)
    }
  }

  struct Show: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one project with its KMS settings and clusters.",
      discussion: "Role: read only.\n\nExample: keyfold project show shop")

    @Argument(help: "The project's name.", transform: Parse.project) var name: ProjectName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .project(let project) = try await session.ask(.showProject(name: name)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(project, ProjectRendering.facts)
    }
  }
}
