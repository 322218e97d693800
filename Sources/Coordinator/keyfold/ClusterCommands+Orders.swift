// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension ClusterCommands {
  struct Start: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Opens the databases of a cluster that was shut down, and of nodes that failed.",
      discussion: """
        A node that failed is tried again for a minute; if it fails for the same reason, the plan ends and says so.

        Role: cluster manager.

        Example: keyfold cluster start orders --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await waiting.order(.startCluster(name: name), session, terminal)
    }
  }

  struct Shutdown: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Closes the databases of a cluster until it is started again.",
      discussion: """
        Agents run on and answer; drivers are refused; master keys are wiped from memory.

        Role: cluster manager.

        Example: keyfold cluster shutdown orders --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await waiting.order(.shutdownCluster(name: name), session, terminal)
    }
  }

  struct Restart: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Restarts every node of a cluster, one after another.",
      discussion: """
        Secondaries first, the primary last after a hand-over. No node is stopped without a proof that it could \
        start again: an encrypted one needs its KMS for that.

        Role: cluster manager.

        Example: keyfold cluster restart orders --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await waiting.order(.restartCluster(name: name), session, terminal)
    }
  }

  struct Encrypt: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Turns customer-key encryption on for a running cluster.",
      discussion: """
        Node by node, secondaries first, each copies everything into a new generation under its own new master \
        key and new database keys while the cluster takes reads and writes; old generations are destroyed. The \
        plan survives restarts of coordinator and agents.

        Role: project owner.

        Example: keyfold cluster encrypt orders --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await waiting.order(.encryptCluster(name: name), session, terminal)
    }
  }

  struct StepDown: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      commandName: "stepdown",
      abstract: "Asks the primary to hand over to a caught-up secondary.",
      discussion: """
        The members choose; the coordinator only asks.

        Role: cluster manager.

        Example: keyfold cluster stepdown orders --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await waiting.order(.stepDown(cluster: name), session, terminal)
    }
  }
}
