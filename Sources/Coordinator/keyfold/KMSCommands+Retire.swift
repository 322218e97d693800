// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

extension KMSCommands {
  /// `keyfold kms retire`: the last word on a key that was replaced.
  struct Retire: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Confirms that nothing depends on a customer key any more.",
      discussion: """
        Refused while anything does, with a list of it: nodes by their generations, settings, the coordinator's \
        canary. Otherwise the settings and credentials of the key are gone from the coordinator's store, that is kept \
        in the audit record, and the key can be deleted in the KMS. Keyfold itself never disables or deletes a \
        customer's key. What it can't know of: copies of nodes' disks, and of the coordinator (its own backups too), \
        made before nothing needed the key any more. They open with it alone: keep it as long as you keep those.

        Role: project owner.

        Example: keyfold kms retire arn:aws:kms:eu-central-1:111122223333:key/…
        """)

    @Argument(help: "The key's full id.") var key: String
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .keyNeed(let need) = try await session.ask(.retireKey(keyID: key)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(need) { need, palette in
        ["The key is retired."] + LedgerRendering.lines([need], palette)
      }
    }
  }
}
