// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// `keyfold alert …`
struct AlertCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alert", abstract: "What needs an operator's attention.",
    discussion: """
        keyfold alert list
        keyfold alert list --past
        keyfold alert set shop --kms-network-access-denied off
      """,
    subcommands: [List.self, Set.self])

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists what needs attention now, newest first.",
      discussion: """
        Role: any operator, who sees what is of the own projects.

        Example: keyfold alert list
        """)

    @Flag(name: .long, help: "List what is over instead, newest first.") var past = false
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .alerts(let alerts) = try await session.ask(past ? .listPastAlerts : .listAlerts) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(alerts, as: "alerts", empty: past ? "Nothing was remembered." : "Nothing needs attention.") {
        ListRendering.alerts($0, now: .now, $1)
      }
    }
  }
}

extension AlertCommands {
  struct Set: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Turns a project's alert on or off.",
      discussion: """
        'KMS network access denied' opens when the coordinator or a node could not ask the KMS at two checks in a row, \
        a minute apart, and closes by itself. It is on unless it is turned off. Outages close nothing either way.

        'KMS key needs rotation' opens when the project's customer key has been the same for longer than that many \
        days (90 unless set), and closes by itself when the project uses another key.

        Role: project owner.

        Example: keyfold alert set shop --kms-network-access-denied off
        Example: keyfold alert set shop --key-needs-rotation 180 --provider azure
        """)

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @Option(name: .long, help: ArgumentHelp("Whether that alert is wanted: on or off.", valueName: "on|off"))
    var kmsNetworkAccessDenied: Switch?
    @Option(name: .long, help: ArgumentHelp("After how many days that alert opens, or off.", valueName: "days|off"))
    var keyNeedsRotation: Days?
    @Option(
      name: .long, help: ArgumentHelp("Only for keys of aws, azure or gcp (default: all).", valueName: "name"),
      transform: Parse.provider)
    var provider: KMSProvider?
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let commands = [
        kmsNetworkAccessDenied.map { OperatorCommand.setAlerts(project: project, kmsNetworkAccessDenied: $0 == .on) },
        keyNeedsRotation.map { OperatorCommand.setKeyAlert(project: project, provider: provider, days: $0.number) },
      ].compactMap { $0 }
      guard !commands.isEmpty else {
        throw OperatorFailure(.invalid, what: "No alert was named.", next: "See: keyfold alert set --help")
      }
      var shown: ProjectView?
      for command in commands {
        guard case .project(let project) = try await session.ask(command) else {
          throw OperatorFailure.unexpectedAnswer()
        }
        shown = project
      }
      if let shown { terminal.show(shown, ProjectRendering.facts) }
    }
  }

  /// A number of days, or `off`.
  struct Days: ExpressibleByArgument {
    let number: Int

    init?(argument: String) {
      if argument == "off" {
        number = 0
      } else if let number = Int(argument), number > 0 {
        self.number = number
      } else {
        return nil
      }
    }
  }

  enum Switch: String, ExpressibleByArgument { case on, off }
}

/// Alerts as text.
enum ListRendering {
  static func alerts(_ alerts: [AlertView], now: OperatorTime, _ palette: Palette) -> [String] {
    var table = Table("severity", "alert", "about", "since", "what")
    for alert in alerts {
      table.rows.append([
        Table.Cell(alert.severity, alert.severity == "critical" ? .bad : .warning),
        "\(alert.title ?? "-")", "\(alert.subject)", "\(since(alert, now: now))",
        "\(alert.text)\(alert.next.map { " → \($0)" } ?? "")",
      ])
    }
    return table.lines(palette)
  }

  private static func since(_ alert: AlertView, now: OperatorTime) -> String {
    guard let until = alert.until else { return Wording.ago(alert.since, now: now) }
    return "\(Wording.ago(alert.since, now: now)), over \(Wording.ago(until, now: now))"
  }
}
