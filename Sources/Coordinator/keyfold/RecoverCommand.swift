// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension ClusterCommands {
  struct Recover: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows the members of a shard without a majority, and goes on from one of them. Unsafe.",
      discussion: """
        Use it only when a majority of a cluster's nodes is gone for good; if one of them can come back with its disk, \
        start it instead, and nothing is lost. Without --confirm nothing is changed: every member's position is shown, \
        and what would be lost by going on from it. With --from and --confirm that member becomes the only voter and \
        takes writes again; what only others had acknowledged is lost. Nodes that were not serving at that moment open \
        nothing any more of what they have: they need a new initial sync ('keyfold node resync'), and vote again once \
        they have caught up. Make sure that they cannot run by themselves meanwhile: stop their agents.

        Role: project owner; read only to look.

        Example: keyfold cluster recover orders
                 keyfold cluster recover orders --from node-a --confirm --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @Option(
      name: .long, help: ArgumentHelp("The node to go on from.", valueName: "node"), transform: Parse.node)
    var from: NodeName?
    @Flag(name: .long, help: "Do it: what only other nodes have is lost.") var confirm = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      if confirm, from == nil { throw ValidationError("--confirm needs --from NODE: nothing is guessed.") }
    }

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      if confirm, let from { return try await waiting.order(.recover(cluster: name, from: from), session, terminal) }
      guard case .recovery(let view) = try await session.ask(.showRecovery(cluster: name)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      if let from, !view.members.contains(where: { $0.node == from }) {
        throw OperatorFailure(
          .notFound, what: "Nothing can be recovered from \(from).", why: "It is no node of cluster \(name).",
          next: "See its nodes with: keyfold cluster recover \(name)")
      }
      terminal.show(view) { view, palette in RecoveryRendering.lines(view, from: from, now: .now, palette) }
    }
  }
}

/// A shard's members side by side, as text.
enum RecoveryRendering {
  static func lines(_ view: RecoveryView, from chosen: NodeName?, now: OperatorTime, _ palette: Palette) -> [String] {
    var table = Table("node", "phase", "role", "term", "last entry", "committed", "applied", "generation", "heard")
    for member in view.members {
      table.rows.append([
        "\(member.node)", Table.Cell(member.phase, member.obstacle == nil ? .good : .bad),
        "\(member.role?.rawValue ?? "-")", number(member.term), position(member), number(member.commitIndex),
        number(member.appliedIndex), "\(member.generation.map { String($0.text.prefix(8)) } ?? "-")",
        "\(Wording.ago(member.heardAt, now: now))",
      ])
    }
    var lines = table.lines(palette) + [""]
    for member in view.members where chosen == nil || chosen == member.node {
      if let obstacle = member.obstacle {
        lines.append("\(member.node): nothing can be built on it: \(obstacle)")
      } else {
        lines.append("from \(member.node): \(member.loss)")
      }
    }
    if let obstacle = view.obstacle { return lines + ["", "There is nothing to recover. \(obstacle)"] }
    guard let best = view.best else {
      return lines + ["", "No member can be built on. Start an agent with its own data directory."]
    }
    let usable = view.members.first { $0.node == chosen && $0.obstacle == nil }?.node
    let way = usable.map { $0 == best ? "the least is lost by" : "go on from \($0) by" } ?? "the least is lost by"
    return lines + [
      "",
      palette.paint("Nothing was changed. If the others are gone for good, \(way):", .bad),
      "  keyfold cluster recover \(view.cluster) --from \(usable ?? best) --confirm",
    ]
  }

  private static func number(_ value: UInt64?) -> Table.Cell { "\(value.map { Wording.count($0) } ?? "-")" }

  private static func position(_ member: RecoveryView.Member) -> Table.Cell {
    guard let index = member.lastIndex else { return "-" }
    return "\(Wording.count(index)) of term \(member.lastTerm ?? 0)"
  }
}
