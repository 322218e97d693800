// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension ClusterCommands {
  struct Decrypt: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Turns customer-key encryption off for a running cluster.",
      discussion: """
        The way of 'cluster encrypt' back: node by node, secondaries first, each copies everything into a plain \
        generation while the cluster takes reads and writes, and destroys the old one, its keys first. Afterwards the \
        data stands on every node's disk in the clear. The coordinator looks at the key before it takes the order, \
        and each node before it copies: refused while any of them sees it revoked. A KMS that is out of reach holds \
        nothing up. If the coordinator ends while it looks, the order was not taken: the command exits with 5, \
        'keyfold plan list' has no plan to decrypt, and the order has to be given again.

        Role: project owner.

        Example: keyfold cluster decrypt orders --confirm --wait
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @Flag(name: .long, help: "Do it: the data is plain on every disk afterwards.") var confirm = false
    @OptionGroup var waiting: WaitOptions
    @OptionGroup var options: GlobalOptions

    func validate() throws {
      guard confirm else {
        throw ValidationError("Afterwards the data is plain on every disk: say --confirm if that is what you want.")
      }
    }

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      try await waiting.order(.decryptCluster(name: name), session, terminal)
    }
  }
}
