// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// `keyfold cluster …`
struct ClusterCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster", abstract: "Clusters: make, see, start, stop and encrypt them.",
    discussion: """
        keyfold cluster create orders --project shop --wait
        keyfold cluster encrypt orders --wait
        keyfold cluster show orders
      """,
    subcommands: [
      Create.self, Change.self, Show.self, List.self, Start.self, Shutdown.self, Restart.self, Encrypt.self,
      Decrypt.self,
      AddNode.self, RemoveNode.self,
      StepDown.self, Recover.self, TryAgain.self,
    ])

  struct Create: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a cluster of enrolled nodes.",
      discussion: """
        The plan waits for nodes that have not been heard of yet. Without --nodes, every node enrolled for the cluster \
        is taken.

        Classes: free (up to 3 nodes) and shared (up to 5) have no customer-key encryption; standard (up to 7) has \
        everything.

        Role: cluster manager.

        Example: keyfold cluster create orders --project shop \\
                     --nodes node-a,node-b,node-c --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @Option(name: .long, help: "The project that owns it.", transform: Parse.project) var project: ProjectName
    @Option(
      name: .long, help: ArgumentHelp("Its nodes, separated by commas.", valueName: "names"), transform: Parse.nodes)
    var nodes: [NodeName] = []
    @Option(
      name: .customLong("class"), help: "What it may have: free, shared or standard.", transform: Parse.clusterClass)
    var clusterClass: ClusterClass = .standard
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let command = OperatorCommand.createCluster(
        name: name, project: project, nodes: nodes, clusterClass: clusterClass)
      try await waiting.order(command, session, terminal)
    }
  }

  struct Show: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows one cluster with its nodes.",
      discussion: """
        Role: read only.

        Example: keyfold cluster show orders
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .cluster(let cluster) = try await session.ask(.showCluster(name: name)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(cluster) { cluster, palette in ClusterRendering.facts(cluster, now: .now, palette) }
    }
  }

  struct List: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists all clusters.",
      discussion: """
        Role: any operator, who sees what is of the own projects.

        Example: keyfold cluster list --json
        """)

    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .clusters(let clusters) = try await session.ask(.listClusters) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(
        clusters, as: "clusters",
        empty: "There is no cluster yet. Make one: keyfold cluster create NAME --project PROJECT",
        ClusterRendering.list)
    }
  }
}
