// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension KeysCommands {
  struct Schedule: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows when master keys are rotated next, and what is in the way.",
      discussion: """
        Master keys are rotated by themselves before the oldest one in use reaches the project's limit (90 days unless \
        'keyfold project maintenance' says otherwise): a day ahead, or in the last maintenance window before it.

        Role: read only; of everything any operator, who sees what is of the own projects.

        Example: keyfold keys schedule --cluster orders
        """)

    @Option(name: .long, help: "Only this cluster.", transform: Parse.cluster) var cluster: ClusterName?
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .rotations(let rotations) = try await session.ask(.showRotations(cluster: cluster)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(rotations, as: "rotations", empty: "No cluster is encrypted.") {
        RotationRendering.schedule($0, now: .now, $1)
      }
    }
  }

  struct Defer: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Puts a cluster's next rotation of master keys off by a week.",
      discussion: """
        At most twice, the first time from two weeks before its start on; then it starts by itself. A deferral may \
        take keys past the limit for their age: 'keyfold keys schedule' says so, and an alert opens when they are.

        Role: cluster manager.

        Example: keyfold keys defer orders
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var cluster: ClusterName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .rotations(let rotations) = try await session.ask(.deferRotation(cluster: cluster)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(rotations, as: "rotations", empty: "") { RotationRendering.schedule($0, now: .now, $1) }
    }
  }
}

extension ProjectCommands {
  struct Maintenance: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Sets when a project's clusters are maintained, and how old their master keys may become.",
      discussion: """
        Rotations that start by themselves begin inside the window: the hour of the week that the clocks of the time \
        zone show. What was begun and could not go on waits for the next window. Without a window they start a day \
        before the limit. 'keyfold keys rotate' starts one at any time.

        Role: project owner.

        Example: keyfold project maintenance shop --day sunday --hour 2 \\
                     --time-zone Europe/Berlin
        Example: keyfold project maintenance shop --rotate-every 30 --defer-once on
        """)

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @Option(
      name: .long, help: ArgumentHelp("The window's day: sunday to saturday.", valueName: "day"),
      transform: Parse.day)
    var day: MaintenanceWindow.Day?
    @Option(name: .long, help: ArgumentHelp("The hour at which it opens, 0 to 23.", valueName: "hour")) var hour: Int?
    @Option(
      name: .long, help: ArgumentHelp("The IANA time zone of day and hour (default: UTC).", valueName: "zone"))
    var timeZone: String?
    @Flag(name: .long, help: "Have no window any more.") var noWindow = false
    @Option(name: .long, help: ArgumentHelp("How old master keys may become, 1 to 365.", valueName: "days"))
    var rotateEvery: Int?
    @Option(name: .long, help: ArgumentHelp("Put each rotation off by a week once, by itself.", valueName: "on|off"))
    var deferOnce: AlertCommands.Switch?
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let command = OperatorCommand.setMaintenance(project: project, change: try change())
      guard case .project(let project) = try await session.ask(command) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(project, ProjectRendering.facts)
    }

    private func change() throws(OperatorFailure) -> MaintenanceChange {
      var change = MaintenanceChange(
        removesWindow: noWindow, rotationDays: rotateEvery, automaticDeferral: deferOnce.map { $0 == .on })
      switch (day, hour) {
      case (nil, nil) where timeZone == nil: break
      case (let day?, let hour?) where !noWindow:
        change.window = MaintenanceWindow(day: day, hour: hour, timeZone: timeZone ?? "UTC")
      default:
        throw OperatorFailure(
          .invalid, what: "The window is not whole.",
          next: "Give --day and --hour together, with --time-zone if they are not in UTC; or --no-window alone.")
      }
      guard change != MaintenanceChange() else {
        throw OperatorFailure(.invalid, what: "Nothing is to be changed.", next: "See: keyfold project show \(project)")
      }
      return change
    }
  }
}

extension Parse {
  static func day(_ text: String) throws -> MaintenanceWindow.Day {
    guard let day = MaintenanceWindow.Day(rawValue: text.lowercased()) else {
      throw ValidationError("'\(text)' is no day; say sunday, monday, … saturday.")
    }
    return day
  }

  static func provider(_ text: String) throws -> KMSProvider {
    guard let provider = KMSProvider(rawValue: text) else {
      throw ValidationError("'\(text)' is no provider; say aws, azure or gcp.")
    }
    return provider
  }
}

/// Rotations as text.
enum RotationRendering {
  static func schedule(_ rotations: [RotationView], now: OperatorTime, _ palette: Palette) -> [String] {
    var table = Table("cluster", "oldest master key", "limit", "starts", "deferred", "state")
    for rotation in rotations {
      table.rows.append([
        "\(rotation.cluster)", "\(age(rotation)), \(rotation.oldestNode)", "\(rotation.limitDays) d",
        rotation.plan == nil ? "\(rotation.startsAt)" : "under way", "\(deferred(rotation))", state(rotation),
      ])
    }
    return table.lines(palette)
  }

  /// One line for a cluster's facts.
  static func summary(_ rotation: RotationView) -> Table.Cell {
    let start =
      rotation.plan.map { "rotation under way (plan \($0.text.prefix(8)))" } ?? "next rotation \(rotation.startsAt)"
    let parts = [
      "oldest \(age(rotation)) (\(rotation.oldestNode)), limit \(rotation.limitDays) d", start,
      rotation.deferrals > 0 ? "deferred \(deferred(rotation))" : nil,
      rotation.isLate ? "past the limit" : nil, rotation.waitsFor,
    ]
    return Table.Cell(parts.compactMap { $0 }.joined(separator: "; "), rotation.isLate ? .warning : nil)
  }

  static func maintenance(_ view: MaintenanceView) -> [(String, Table.Cell?)] {
    let days = view.keyAlertDays.sorted { $0.key < $1.key }.map {
      "\($0.key) \($0.value == 0 ? "off" : "\($0.value) d")"
    }
    return [
      ("maintenance window", "\(view.window?.description ?? "any time")"),
      (
        "master keys",
        "rotated at least every \(view.rotationDays) d\(view.automaticDeferral ? ", deferred once by itself" : "")"
      ),
      ("key needs rotation", "alert after: \(days.joined(separator: ", "))"),
    ]
  }

  private static func age(_ rotation: RotationView) -> String {
    rotation.ageSeconds.map { Wording.span(seconds: Double($0)) + " old" } ?? "of unknown age"
  }

  private static func deferred(_ rotation: RotationView) -> String {
    switch rotation.deferrals {
    case 0: "-"
    case 1: "once"
    default: "\(rotation.deferrals) times"
    }
  }

  private static func state(_ rotation: RotationView) -> Table.Cell {
    let texts = [rotation.isLate ? "past the limit" : nil, rotation.waitsFor]
    let text = texts.compactMap { $0 }.joined(separator: "; ")
    return text.isEmpty ? Table.Cell("in time", .good) : Table.Cell(text, .warning)
  }
}
