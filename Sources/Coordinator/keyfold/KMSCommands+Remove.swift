// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension KMSCommands {
  struct Remove: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Forgets a project's KMS settings and their secret.",
      discussion: """
        Refused while a cluster of the project is encrypted, or is being encrypted or decrypted. The key itself stays \
        as it is in the KMS.

        Role: project owner.

        Example: keyfold kms remove shop
        """)

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .project(let view) = try await session.ask(.removeKMS(project: project)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(view) { view, _ in ["Project \(view.name) has no KMS settings any more."] }
    }
  }
}
