// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import Foundation

/// `keyfold node …`
struct NodeCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node", abstract: "Nodes: one agent process each, known by its CURVE key.",
    discussion: """
        keyfold node enroll node-a --cluster orders --key KEY
        keyfold node token create node-b --cluster orders --file node-b.token
        keyfold node list
        keyfold node show node-a
      """,
    subcommands: [Enroll.self, TokenCommands.self, List.self, Show.self, Resync.self, Approve.self, Revoke.self])

  struct Enroll: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Admits a node by its public key.",
      discussion: """
        'keyfold-agent init' on the node makes its key pair and prints the public key. Until it is enrolled, an agent \
        never completes a handshake. 'keyfold node token create' does it without copying keys.

        Role: org owner.

        Example: keyfold node enroll node-a --cluster orders \\
                     --key "$(keyfold-agent init --identity node-a.key)"
        """)

    @Argument(help: "The node's name.", transform: Parse.node) var name: NodeName
    @Option(
      name: .long, help: "The cluster it is meant for (default: any); the cluster need not exist yet.",
      transform: Parse.cluster)
    var cluster: ClusterName?
    @Option(
      name: .long, help: "The project whose clusters alone may take it (default: its cluster's, or any).",
      transform: Parse.project)
    var project: ProjectName?
    @Option(
      name: .long, parsing: .unconditional,
      help: ArgumentHelp("The node's CURVE public key: 40 characters of Z85.", valueName: "key"))
    var key: String
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let command = OperatorCommand.enrollNode(
        name: name, cluster: cluster, publicKey: key.trimmingCharacters(in: .whitespacesAndNewlines),
        project: project)
      guard case .node(let node) = try await session.ask(command) else { throw OperatorFailure.unexpectedAnswer() }
      terminal.show(node) { node, _ in
        [
          "Node \(node.name) may connect now\(node.cluster.map { "; it is meant for cluster \($0)" } ?? "")"
            + "\(node.project.map { "; it belongs to project \($0)" } ?? "")."
        ]
      }
    }
  }

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists nodes.",
      discussion: """
        Role: any operator, who sees what is of the own projects.

        Example: keyfold node list --cluster orders
        """)

    @Option(name: .long, help: "Only nodes of this cluster.", transform: Parse.cluster) var cluster: ClusterName?
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .nodes(let nodes) = try await session.ask(.listNodes(cluster: cluster)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(
        nodes, as: "nodes", empty: "There is no node. Admit one: keyfold node enroll NAME --cluster CLUSTER --key KEY"
      ) { nodes, palette in NodeRendering.list(nodes, now: .now, palette) }
    }
  }

  struct Show: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows all that is known of one node.",
      discussion: """
        Role: read only.

        Example: keyfold node show node-a
        """)

    @Argument(help: "The node's name.", transform: Parse.node) var name: NodeName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .node(let node) = try await session.ask(.showNode(name: name)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(node) { node, palette in NodeRendering.facts(node, now: .now, palette) }
    }
  }

  struct Resync: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Copies everything anew into a new generation of one node (an initial sync).",
      discussion: """
        A node that reports damage, lost its data or is too far behind does this by itself as long as the shard has \
        a healthy majority without it. Its present data stays until the copy is whole, and is destroyed then. A new \
        generation of an encrypted cluster has a new master key and new database keys.

        Role: cluster manager.

        Example: keyfold node resync node-a --wait
        """)

    @Argument(help: "The node's name.", transform: Parse.node) var name: NodeName
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await waiting.order(.resyncNode(name: name), session, terminal)
    }
  }
}

extension OperatorTime {
  /// The present on this machine's clock.
  static var now: OperatorTime { OperatorTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1000)) }
}
