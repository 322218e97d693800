// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import Glibc

extension Parse {
  static func clusterClass(_ text: String) throws -> ClusterClass {
    guard let known = ClusterClass(rawValue: text) else {
      throw ValidationError("it has to be \(ClusterClass.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return known
  }
}

extension ClusterCommands {
  struct Change: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Changes a cluster's nodes or class; shows first what would be done, and asks.",
      discussion: """
        --nodes names all nodes the cluster is to have, those that stay included: nodes are processes that somebody \
        has to start, so they are named and not counted. New ones have to be enrolled; they join before others leave, \
        one voter at a time, each by a plan of its own ('cluster add-node', 'cluster remove-node'). A node that can't \
        join ends the change. While the cluster is disabled the change is taken and queued.

        The class takes effect at once. One without customer-key encryption is refused while the cluster is encrypted.

        Role: cluster manager.

        Example: keyfold cluster change orders --nodes node-1,node-2,node-4 --dry-run
                 keyfold cluster change orders --nodes node-1,node-2,node-4 --confirm \\
                     --wait
                 keyfold cluster change orders --class standard
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @Option(
      name: .long, help: ArgumentHelp("All nodes it is to have, separated by commas.", valueName: "names"),
      transform: Parse.nodes)
    var nodes: [NodeName] = []
    @Option(name: .customLong("class"), help: "free, shared or standard.", transform: Parse.clusterClass)
    var clusterClass: ClusterClass?
    @Flag(name: .long, help: "Only show what would be done.") var dryRun = false
    @Flag(name: .long, help: "Do it without asking.") var confirm = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      guard !nodes.isEmpty || clusterClass != nil else {
        throw ValidationError("Name what is to be different: --nodes or --class.")
      }
      if dryRun, confirm { throw ValidationError("--dry-run and --confirm exclude each other.") }
    }

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let change = ClusterChange(nodes: nodes.isEmpty ? nil : nodes, clusterClass: clusterClass)
      let shown = try await ask(change, present: nil, isDryRun: true, session)
      if dryRun { return terminal.show(shown, ChangeRendering.lines) }
      if !confirm {
        try Self.approve(shown, terminal)
      }
      // What was shown is what is done, or nothing.
      let taken = try await ask(change, present: shown.present, isDryRun: false, session)
      guard waiting.wait, let plan = taken.plan else { return terminal.show(taken, ChangeRendering.lines) }
      try await follow(plan, session, terminal)
    }

    private func ask(
      _ change: ClusterChange, present: [NodeName]?, isDryRun: Bool, _ session: OperatorSession
    ) async throws -> ClusterChangeView {
      let command = OperatorCommand.changeCluster(name: name, change: change, present: present, isDryRun: isDryRun)
      guard case .clusterChange(let view) = try await session.ask(command) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      return view
    }

    /// Shows the plan and asks for a yes; where nobody can be asked, nothing is done.
    private static func approve(_ shown: ClusterChangeView, _ terminal: Terminal) throws {
      guard isatty(STDIN_FILENO) == 1, terminal.isInteractive, !terminal.json else {
        throw OperatorFailure(
          .invalid, what: "Cluster \(shown.cluster) was not changed.",
          why: "What would be done: \(shown.steps.joined(separator: "; ")).", next: "Say --confirm to have it done.")
      }
      terminal.show(shown, ChangeRendering.lines)
      terminal.write("Do it? Type yes:")
      guard readLine()?.lowercased() == "yes" else {
        throw OperatorFailure(.invalid, what: "Cluster \(shown.cluster) was not changed.")
      }
    }

    /// Follows one plan after the other; the next one is there as soon as one has ended.
    private func follow(_ first: PlanView, _ session: OperatorSession, _ terminal: Terminal) async throws {
      var next: PlanView? = first
      while let plan = next {
        try await PlanFollower(session: session, terminal: terminal, style: .onlyEnd, limit: waiting.limit.span)
          .follow(plan)
        guard case .cluster(let cluster) = try await session.ask(.showCluster(name: name)) else { return }
        next = nil
        guard cluster.change != nil else { return }
        for id in cluster.openPlans where id != plan.id {
          let open = try await session.plan(id.text)
          if open.kind == "add a node" || open.kind == "remove a node" { next = open }
        }
      }
    }
  }
}

/// A change of a cluster as text.
enum ChangeRendering {
  static func lines(_ view: ClusterChangeView, _ palette: Palette) -> [String] {
    var lines = ["Cluster \(view.cluster), \(view.isTaken ? "changed" : "to be changed"):"]
    for (index, step) in view.steps.enumerated() { lines.append("  \(index + 1). \(step)") }
    if let reason = view.queued { lines.append("Queued until its key is back: \(reason)") }
    if let plan = view.plan { lines.append("Follow it with: keyfold plan watch \(plan.id.text.prefix(8))") }
    return lines
  }
}
