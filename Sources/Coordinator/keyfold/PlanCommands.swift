// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// `keyfold plan …`
struct PlanCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan", abstract: "Plans: what the coordinator is doing with a cluster, step by step.",
    discussion: """
        keyfold plan list --cluster orders
        keyfold plan watch 3f2a91c0
      """,
    subcommands: [List.self, Show.self, Watch.self, Cancel.self])

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists plans, newest first.",
      discussion: """
        Role: any operator, who sees what is of the own projects.

        Example: keyfold plan list --cluster orders
        """)

    @Option(name: .long, help: "Only plans of this cluster.", transform: Parse.cluster) var cluster: ClusterName?
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .plans(let plans) = try await session.ask(.listPlans(cluster: cluster)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(plans, as: "plans", empty: "There is no plan.") { plans, palette in
        PlanRendering.list(plans, now: .now, palette)
      }
    }
  }

  struct Show: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one plan as it stands.",
      discussion: "The beginning of an id is enough.\n\nRole: read only.\n\nExample: keyfold plan show 3f2a91c0")

    @Argument(help: "The plan's id, or its beginning.") var id: String
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      PlanRendering.show(try await session.plan(id), terminal)
    }
  }

  struct Cancel: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Ends a plan that adds a node or creates a cluster before its time.",
      discussion: """
        A node that joins leaves again and destroys what it has, keys first; the cluster is as before. A cluster is \
        given up only as long as none of its nodes was asked to form it. No other plan is taken back: each leaves \
        every node whole at each step, and the refusal names the order that turns it round, such as 'cluster \
        decrypt' for 'cluster encrypt'.

        Role: cluster manager.

        Example: keyfold plan cancel 3f2a91c0 --confirm
        """)

    @Argument(help: "The plan's id, or its beginning.") var id: String
    @Flag(name: .long, help: "Do it: what the plan has made is destroyed.") var confirm = false
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      guard confirm else {
        throw ValidationError("What the plan has made is destroyed: say --confirm if that is what you want.")
      }
    }

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .plan(let plan) = try await session.ask(.cancelPlan(id: id)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      PlanRendering.show(plan, terminal)
    }
  }

  struct Watch: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Follows a plan to its end, with rates and the time left.",
      discussion: """
        Exits with 0 when the plan is done, with 1 when it ended without reaching its goal and with 5 when it was \
        still going on: --wait-minutes were over, or --no-follow was given. Ctrl-C ends the watching, not the plan. \
        Without a terminal each change is one line of text; with --json each change is one line of JSON.

        Role: read only.

        Example: keyfold plan watch 3f2a91c0
        """)

    @Argument(help: "The plan's id, or its beginning.") var id: String
    @Flag(name: .long, inversion: .prefixedNo, help: "Follow it to its end, or show it once.")
    var follow = true
    @OptionGroup var limit: WaitLimit
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let plan = try await session.plan(id)
      if follow {
        try await PlanFollower(session: session, terminal: terminal, style: .everyChange, limit: limit.span)
          .follow(plan)
      } else {
        PlanRendering.show(plan, terminal)
        try PlanFollower.conclude(plan)
        if !plan.state.isFinal { throw ExitCode(ExitStatus.unfinished.rawValue) }
      }
    }
  }
}

/// How long a command follows a plan.
struct WaitLimit: ParsableArguments {
  @Option(
    name: .long, parsing: .unconditional,
    help: ArgumentHelp(
      "How long to follow it at most, in minutes, 0 for as long as it takes; exits with 5 then, and the plan goes on.",
      valueName: "minutes"))
  var waitMinutes = 60.0

  /// The limit, nil for none.
  var span: Duration? { waitMinutes > 0 ? .seconds(waitMinutes * 60) : nil }

  func validate() throws {
    guard waitMinutes >= 0, waitMinutes <= 525_600 else {
      throw ValidationError("--wait-minutes has to be between 0 and 525600.")
    }
  }
}

/// What commands take that make a plan.
struct WaitOptions: ParsableArguments {
  @Flag(name: .long, help: "Follow the plan to its end; exit with 1 if it does not reach its goal.")
  var wait = false
  @OptionGroup var limit: WaitLimit

  /// Orders a plan and shows it, or follows it to its end.
  func order(_ command: OperatorCommand, _ session: OperatorSession, _ terminal: Terminal) async throws {
    guard case .plan(let plan) = try await session.ask(command) else { throw OperatorFailure.unexpectedAnswer() }
    if wait {
      return try await PlanFollower(session: session, terminal: terminal, style: .onlyEnd, limit: limit.span)
        .follow(plan)
    }
    terminal.show(plan) { plan, palette in
      PlanRendering.lines(plan, now: .now, columns: terminal.isInteractive ? terminal.columns : nil, palette)
        + (plan.state.isFinal ? [] : ["Follow it with: keyfold plan watch \(plan.id.text.prefix(8))"])
    }
  }
}

extension OperatorSession {
  /// One plan as it stands.
  func plan(_ id: String) async throws -> PlanView {
    guard case .plan(let plan) = try await ask(.showPlan(id: id)) else { throw OperatorFailure.unexpectedAnswer() }
    return plan
  }
}
