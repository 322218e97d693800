// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import LocalKMS

/// An identity as it is shown.
private struct IdentityRow: Encodable {
  let id: String
  let kind: String
  let isAdministrator: Bool
}

/// The dialects that have identities.
enum IdentityKind: String, ExpressibleByArgument, CaseIterable { case azure, google }

extension LocalKMSCommands {
  struct Identities: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .identities }
    static let configuration = CommandConfiguration(
      abstract: "Lists the clients of Azure's dialect and the service accounts of Google's.",
      discussion: "Example: keyfold local-kms identities")

    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      let rows = try await kms.identities().map {
        IdentityRow(id: $0.id, kind: $0.kind, isAdministrator: $0.isAdministrator)
      }
      terminal.show(rows, as: "identities", empty: "There is no identity.") { rows, palette in
        var table = Table("identity", "dialect", "may change keys")
        for row in rows { table.rows.append(["\(row.id)", "\(row.kind)", row.isAdministrator ? "yes" : "no"]) }
        return table.lines(palette)
      }
    }
  }

  struct CreateIdentity: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .identities }
    static let configuration = CommandConfiguration(
      commandName: "create-identity",
      abstract:
        "Makes a client (azure) or a service account (google), and writes its secret to a file only you can read.",
      discussion: """
        The file has tenantId, clientId and clientSecret for azure; for google it is a service account key file. Both \
        name this server as the place where tokens are had. It may use and read keys; with --administrator it may \
        change them.

        Example: keyfold local-kms create-identity azure --file ./orders.json
        """)

    @Argument(help: "azure or google.") var kind: IdentityKind
    @Option(name: .long, help: "The file to write.") var file: String
    @Flag(name: .long, help: "Let it make, change and delete keys.") var administrator = false
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      let id = try await kms.createIdentity(kind: kind.rawValue, isAdministrator: administrator, writingTo: file)
      terminal.show(["id": id, "file": file]) { _, _ in ["The secret of \(id) is in \(file)."] }
    }
  }

  struct DeleteIdentity: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .identities }
    static let configuration = CommandConfiguration(
      commandName: "delete-identity", abstract: "Removes an identity; its tokens are worth nothing from then on.",
      discussion: "Example: keyfold local-kms delete-identity 5a0c…")

    @Argument(help: "The client's or service account's id.") var identity: String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.deleteIdentity(identity)
      terminal.show(["deleted": identity]) { _, _ in ["\(identity) is gone."] }
    }
  }
}
