// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import LocalKMS

extension LocalKMSCommands {
  struct Roles: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .roles }
    static let configuration = CommandConfiguration(
      abstract: "Lists the roles of AWS's dialect.", discussion: "Example: keyfold local-kms roles")

    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      terminal.show(try await kms.roles(), as: "roles", empty: "There is no role.") { arns, _ in arns }
    }
  }

  struct CreateRole: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .roles }
    static let configuration = CommandConfiguration(
      commandName: "create-role", abstract: "Makes a role that access keys may assume, and prints its ARN.",
      discussion: """
        A session of the role may use every key that does not deny it: keyfold local-kms deny KEY --access-key-id \
        role/NAME. A session policy narrows it, also to an encryption context.

        Example: keyfold local-kms create-role keyfold --trust AKIA… --external-id 3f1c…
        """)

    @Argument(help: "The role's name.") var name: String
    @Option(name: .long, help: "The access key that may assume it; every one without this.") var trust: String?
    @Option(name: .long, help: "The external id that whoever assumes it has to say.") var externalID: String?
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      let arn = try await kms.createRole(name, trusted: trust, externalID: externalID)
      terminal.show(["arn": arn]) { _, _ in [arn] }
    }
  }

  struct DeleteRole: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .roles }
    static let configuration = CommandConfiguration(
      commandName: "delete-role", abstract: "Removes a role; its sessions are worth nothing from then on.",
      discussion: "Example: keyfold local-kms delete-role keyfold")

    @Argument(help: "The role's name.") var name: String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.deleteRole(name)
      terminal.show(["deleted": name]) { _, _ in ["Role \(name) is gone."] }
    }
  }

  struct SetMachine: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .roles }
    static let configuration = CommandConfiguration(
      commandName: "set-machine", abstract: "Says what the metadata service (serve --metadata-port) hands out.",
      discussion: """
        One port stands for the metadata services of EC2 (version 2), Azure and Google. What is not named is taken away.

        Example: keyfold local-kms set-machine --role keyfold --client 5a0c…
        """)

    @Option(name: .long, help: "The name of a role, for EC2's service.") var role: String?
    @Option(name: .long, help: "The id of a client, for Azure's.") var client: String?
    @Option(name: .long, help: "The address of a service account, for Google's.") var serviceAccount: String?
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.setMachine(role: role, client: client, serviceAccount: serviceAccount)
      let names = ["role": role ?? "", "client": client ?? "", "serviceAccount": serviceAccount ?? ""]
      terminal.show(names) { names, _ in
        names.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.isEmpty ? "-" : $0.value)" }
      }
    }
  }
}
