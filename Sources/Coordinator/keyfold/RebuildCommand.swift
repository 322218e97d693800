// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension CoordinatorCommands {
  struct Rebuild: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes projects and clusters again from what nodes report, after the coordinator's store was lost.",
      discussion: """
        For the day on which there is no copy of the store. Start the coordinator with an empty data directory, with \
        its coordinator.key in it if that is left, and enroll every node again under its name with its own key. Nodes \
        serve on meanwhile and are told nothing. Without --confirm this shows what they report and what hinders; with \
        it, clusters of which a majority of members says the same are made again.

        Nothing is destroyed by it. Nodes are adopted that serve by the process that a majority of their members was \
        told of; others have to be approved ('keyfold node approve'), after a look at their keystores. A node that was \
        joining goes on with it. KMS credentials, operators, owners, \
        maintenance and mail have to be set again afterwards, 'keyfold kms set' first.

        Role: org owner.

        Example: keyfold coordinator rebuild
        Example: keyfold coordinator rebuild --confirm
        """)

    @Flag(name: .long, help: "Do it; without, nothing is changed.") var confirm = false
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .rebuild(let view) = try await session.ask(.rebuild(isDryRun: !confirm)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(view, Self.lines)
    }

    private static func lines(_ view: RebuildView, _ palette: Palette) -> [String] {
      if view.clusters.isEmpty { return ["No node reports a cluster that this coordinator does not know."] }
      var lines: [String] = []
      for cluster in view.clusters {
        let state =
          cluster.hindrance.map { palette.paint("not yet: \($0)", .warning) }
          ?? palette.paint(view.isDone ? "made again" : "can be made again", .good)
        lines.append("cluster \(cluster.cluster) of project \(cluster.project): \(state)")
        var table = Table("node", "state", "keystore", "check value", "customer key")
        for member in cluster.members {
          table.rows.append([
            "\(member.node)", "\(member.state)", "\(member.keystoreVersion == 0 ? "-" : "\(member.keystoreVersion)")",
            "\(member.masterKeyCheckValue ?? "-")", "\(member.customerKeyID ?? "-")",
          ])
        }
        lines += table.lines(palette).map { "  " + $0 }
      }
      if view.isDone { return lines + ["Next: keyfold kms set PROJECT …, then: keyfold coordinator show"] }
      if view.clusters.contains(where: { $0.hindrance == nil }) { lines.append("Do it with: --confirm") }
      return lines
    }
  }
}
