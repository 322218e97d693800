// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// `keyfold keys …`
struct KeysCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "The chain of keys from the customer's KMS down to each database.",
    discussion: """
        keyfold keys tree
        keyfold keys rotate orders --wait
        keyfold keys needed
      """,
    subcommands: [Tree.self, Needed.self, Rotate.self, Schedule.self, Defer.self])

  struct Tree: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Draws customer-managed keys, master keys and database keys as a tree.",
      discussion: """
        The customer's key wraps one master key per node; a master key wraps that node's database keys, the system key \
        (metadata and journal) and the oplog key. Only ids, ages and check values are shown; no key ever leaves its \
        node unwrapped.

        Role: read only; of everything any operator, who sees what is of the own projects.

        Example: keyfold keys tree --cluster orders
        """)

    @Option(name: .long, help: "Only keys of this cluster.", transform: Parse.cluster) var cluster: ClusterName?
    @Flag(name: .long, help: "Draw every key, not only the first \(KeysTreeRendering.keysShown) of a node.")
    var all = false
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .keysTree(let tree) = try await session.ask(.keysTree(cluster: cluster)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      let limit = all ? Int.max : KeysTreeRendering.keysShown
      terminal.show(tree) { tree, palette in KeysTreeRendering.lines(tree, keysShown: limit, palette) }
    }
  }

  struct Needed: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Says for each customer key what still depends on it, and whether it can be deleted.",
      discussion: """
        A key is needed by settings that name it, by the coordinator's canary, and by every generation of data on a \
        node's disk whose master key it wrapped: the live one, copies that are being filled, and superseded ones. \
        After a change of the key a node counts until it has reported, also if it is away.

        Role: any operator, who sees what is of the own projects.

        Example: keyfold keys needed
        """)

    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .keysNeeded(let ledger) = try await session.ask(.keysNeeded) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(ledger) { ledger, palette in LedgerRendering.lines(ledger.keys, palette) }
    }
  }

  struct Rotate: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Gives every node of a cluster a new master key.",
      discussion: """
        Node by node, while all of them serve: each makes a new master key, has it wrapped by the customer's key and \
        rewraps its database keys in one replacement of its keystore. No data page is touched. It starts now, whatever \
        the maintenance window; the rotation that would have started by itself is not needed any more.

        Role: cluster manager.

        Example: keyfold keys rotate orders --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var cluster: ClusterName
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await waiting.order(.rotateKeys(cluster: cluster), session, terminal)
    }
  }
}
