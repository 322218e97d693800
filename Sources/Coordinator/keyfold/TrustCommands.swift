// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension NodeCommands {
  struct Approve: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Vouches for a node that is not approved.",
      discussion: """
        A node gets its KMS settings only with the keystore that is recorded for it: an older one, or one under a \
        master key nobody recorded, stays closed. And only one process at a time may be a node. Approve when you know \
        why it is so (you restored its disk, you moved it to another machine); 'keyfold node show' says what was seen, \
        and that is what is approved. If a second agent waits, it gets the place, and the first one closes: stop the \
        wrong one first.

        Who approved what and when is kept: keyfold audit list

        Role: project owner.

        Example: keyfold node approve node-a
        """)

    @Argument(help: "The node's name.", transform: Parse.node) var name: NodeName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .node(let node) = try await session.ask(.approveNode(name: name)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(node) { node, palette in
        ["Node \(node.name) is approved."] + NodeRendering.list([node], now: .now, palette)
      }
    }
  }
}

/// `keyfold coordinator …`
struct CoordinatorCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coordinator", abstract: "The coordinator itself: how it stands, and what to do after a restore.",
    discussion: """
        keyfold coordinator show
        keyfold coordinator adopt
        keyfold coordinator rebuild
      """,
    subcommands: [Show.self, Adopt.self, Backup.self, Restore.self, Rebuild.self])

  struct Show: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows how the coordinator stands to its nodes.",
      discussion: """
        Role: any operator.

        Example: keyfold coordinator show
        """)

    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try CoordinatorCommands.show(try await session.ask(.showCoordinator), terminal)
    }
  }

  struct Adopt: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Takes nodes as they are after the coordinator was restored from an older copy.",
      discussion: """
        A restored coordinator does not know keystores that were made after its copy. 'keyfold coordinator show' \
        lists the nodes that are ahead. This takes all of them whose agents have run since before the restore; an \
        agent that was started since is left out, because anybody with an old disk could start one: approve it by \
        itself with 'keyfold node approve'.

        --without-majority is another matter: a coordinator that has just started commands no cluster before a \
        majority of the cluster's nodes has said hello. With it, clusters are commanded whose majority is gone for good.

        Role: org owner.

        Example: keyfold coordinator adopt
        """)

    @Flag(name: .long, help: "Also command clusters of which no majority has been heard.")
    var withoutMajority = false
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try CoordinatorCommands.show(try await session.ask(.adopt(withoutMajority: withoutMajority)), terminal)
    }
  }

  private static func show(_ answer: OperatorAnswer, _ terminal: Terminal) throws {
    guard case .coordinator(let view) = answer else { throw OperatorFailure.unexpectedAnswer() }
    terminal.show(view, TrustRendering.coordinator)
  }
}

/// Trust as text.
enum TrustRendering {
  static func coordinator(_ view: CoordinatorView, _ palette: Palette) -> [String] {
    let ahead = view.nodesAhead.isEmpty ? "" : ": \(Wording.counted(view.nodesAhead.count, "node")) ahead"
    var lines = Table.facts(
      [
        ("state", Table.Cell(view.state + ahead, view.restoredSince == nil ? .good : .bad)),
        ("epoch", "\(view.epoch)"),
        ("started", view.startedAt.map { "\($0)" }),
        ("epoch seen at nodes", view.epochSeen.map { "\($0)" }),
      ], palette)
    for node in view.nodesAhead {
      lines.append(palette.paint("\(node.node): \(node.reason)", .bad))
      let command = node.isAdoptable ? "keyfold coordinator adopt" : "keyfold node approve \(node.node)"
      lines.append("  if you restored the coordinator: \(command)")
    }
    for cluster in view.unlearned { lines.append("\(cluster.cluster): \(cluster.reason)") }
    if view.restoredSince != nil, view.nodesAhead.isEmpty {
      lines.append("No node is ahead; confirm with: keyfold coordinator adopt")
    }
    return lines
  }
}
