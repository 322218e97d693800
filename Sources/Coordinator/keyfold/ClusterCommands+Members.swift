// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension ClusterCommands {
  struct AddNode: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      commandName: "add-node", abstract: "Takes an enrolled node into a running cluster.",
      discussion: """
        The node makes its own master key, copies everything as a member without a vote, and votes once it has caught \
        up. If the KMS refuses its address the plan says 'waiting for KMS access' and which addresses to let in, and \
        asks again every five minutes at the latest. A node that could not join by the deadline leaves again: its keys \
        and files are destroyed, the cluster is as before, and the project's owners get a mail.

        Role: cluster manager.

        Example: keyfold node enroll node-d --cluster orders \\
                     --key "$(keyfold-agent init --identity node-d.key)"
                 keyfold cluster add-node orders node-d --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @Argument(help: "The node's name.", transform: Parse.node) var node: NodeName
    @Option(
      name: .long, help: ArgumentHelp("After how many minutes it is given up; three days are 4320.", valueName: "n"))
    var deadlineMinutes = 4320
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      guard (1...129_600).contains(deadlineMinutes) else {
        throw ValidationError("--deadline-minutes has to be between 1 and 129600, which are 90 days.")
      }
    }

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      let command = OperatorCommand.addNode(cluster: name, node: node, deadlineMinutes: deadlineMinutes)
      try await waiting.order(command, session, terminal)
    }
  }

  struct RemoveNode: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      commandName: "remove-node", abstract: "Takes a node out of a cluster for good, and has it destroy what it has.",
      discussion: """
        A primary hands over first. Then the shard goes on without the node, one vote less, as long as a majority of \
        the others is well. The node closes its drivers' connections, destroys its keys first and its files second, \
        and reports that it has neither. One that is gone proves nothing: the plan waits for it, until --abandon says \
        that its disk is yours to destroy. With --abandon a node that is being added and was never heard of is given up.

        Role: cluster manager.

        A node that still joins is taken back by the plan by which it does, at once.

        Example: keyfold cluster remove-node orders node-c --confirm --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @Argument(help: "The node's name.", transform: Parse.node) var node: NodeName
    @Flag(name: .long, help: "Do it: the node's keys and files are destroyed.") var confirm = false
    @Flag(name: .long, help: "Wait no longer for a node that is not heard of, and out of the shard or never in it.")
    var abandon = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      guard confirm || abandon else {
        throw ValidationError("The node's keys and files are destroyed: say --confirm if that is what you want.")
      }
    }

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await waiting.order(.removeNode(cluster: name, node: node, abandoned: abandon), session, terminal)
    }
  }
}
