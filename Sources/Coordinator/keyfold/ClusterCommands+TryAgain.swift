// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension ClusterCommands {
  struct TryAgain: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      commandName: "try-again",
      abstract: "Checks the key of a disabled or waiting cluster now; if it is valid, every node opens again.",
      discussion: """
        The same happens by itself: a key that is away is checked every minute. Nodes that wait for their KMS try at \
        once. The exit code is 0 if the key is valid and 1 if it is not.

        Role: cluster manager.

        Example: keyfold cluster try-again orders
        """)

    @Argument(help: "The cluster's name.", transform: Parse.cluster) var name: ClusterName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .kms(let kms) = try await session.ask(.tryAgain(cluster: name)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      guard case .cluster(let cluster) = try await session.ask(.showCluster(name: name)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(CheckedCluster(cluster: cluster, kms: kms)) { checked, palette in
        ProjectRendering.kms(kms, palette) + [""] + ClusterRendering.facts(checked.cluster, now: .now, palette)
      }
      if kms.lastCheck?.verdict != "valid" { throw ExitCode(ExitStatus.failed.rawValue) }
    }
  }
}

/// A cluster with what a check of its key just found: in JSON the cluster's own fields, and `kms`.
struct CheckedCluster: Encodable {
  let cluster: ClusterView
  let kms: KMSView

  private enum CodingKeys: String, CodingKey { case kms }

  func encode(to encoder: any Encoder) throws {
    try cluster.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(kms, forKey: .kms)
  }
}
