// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// `keyfold kms …`
struct KMSCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kms", abstract: "The key in the customer's KMS under which a project's clusters are encrypted.",
    discussion: """
        keyfold kms set shop --key ARN --access-key-id ID --secret-file FILE
        keyfold kms check shop
        keyfold kms show shop
      """,
    subcommands: [Set.self, Show.self, Check.self, Retire.self, Remove.self])

  struct Set: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Proves KMS settings and then uses them.",
      discussion: """
        The coordinator wraps 32 random bytes with the key, unwraps them and compares; only then do the new settings \
        replace the old ones. The credentials need the rights to encrypt (Azure: wrap), decrypt (unwrap) and describe \
        (get) this one key. The secret is read from a file that only you can read, or from standard input with '-'; it \
        is never an argument, because arguments show in process lists and shell histories. It rests sealed in the \
        coordinator's store.

        Who asks the KMS:
          AWS     --access-key-id ID --secret-file FILE
                  --role-arn ARN [--external-id ID] --access-key-id ID --secret-file FILE
                  --role-arn ARN [--external-id ID] --machine-identity
          Azure   --tenant T --client-id ID --secret-file FILE
                  --machine-identity [--client-id ID]
          Google  --secret-file KEY.json
                  --machine-identity

        While data is under a key, naming another key (of this or another provider) changes the key: it is proven by \
        the coordinator and by every reachable node, then each node wraps the master key it holds under it, node by \
        node, while all of them serve. Until every node has left the old key its settings are kept: do not disable or \
        delete it before 'keyfold keys needed' says so. It works while the old KMS is out of reach, and never while \
        the old key is revoked. Naming the old key again leads back.

        With --require-private-networking the coordinator and the nodes look up the name of every endpoint, of issuers \
        of credentials too, refuse it if one of its addresses lies outside the private ranges, and connect to an \
        address they checked. That is an outage, never a revocation. The machine's own metadata service stays \
        link-local. Where it is in force, setting the key again needs these options, or --no-private-networking to \
        end it.

        With --machine-identity the coordinator and every node ask as the machine they run on (instance metadata), and \
        there is no secret; each of these machines needs the rights.

        Role: project owner.

        Example: keyfold kms set shop \\
                     --key arn:aws:kms:eu-central-1:111122223333:key/… \\
                     --access-key-id AKIA… --secret-file ./secret.txt
        """)

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @Option(name: .long, help: "The provider: aws, azure or gcp (default: as the key's id says).") var provider: String?
    @Option(
      name: .long,
      help: ArgumentHelp(
        """
        The key's full id: AWS its ARN, never an alias; Azure https://VAULT.vault.azure.net/keys/NAME/VERSION; Google \
        projects/P/locations/L/keyRings/R/cryptoKeys/K/cryptoKeyVersions/N.
        """, valueName: "id"))
    var key: String
    @Option(name: .long, help: "The key's region (default: as in the key's id; never for Azure).") var region: String?
    @Option(
      name: .customLong("replica"),
      help: ArgumentHelp(
        """
        Another region of a multi-Region key of AWS, asked in the given order while the key's own is out, never when \
        it refuses; repeat for more.
        """, valueName: "region[=url]"), transform: Self.replica(_:))
    var replicas: [KMSReplica] = []
    @Option(name: .long, help: ArgumentHelp("A base URL instead of the provider's own, https://….", valueName: "url"))
    var endpoint: String?
    @Option(
      name: .long,
      help: ArgumentHelp(
        "A base URL for one region, which goes before --endpoint; may be given for several regions.",
        valueName: "region=url"))
    var regionEndpoint: [String] = []
    @Option(
      name: .long,
      help: ArgumentHelp(
        "PEM certificates to trust at the given endpoints instead of the system's.", valueName: "file"))
    var caFile: String?
    @OptionGroup(title: "Private networking") var network: PrivateNetworkOptions
    @OptionGroup(title: "Credentials") var credentials: KMSCredentialOptions
    @Option(
      name: .customLong("local-kms"),
      help: ArgumentHelp(
        "Take endpoints, authority and, unless the options name others, credentials of the local KMS of this folder.",
        valueName: "dir"))
    var localKMS: String?
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      var (settings, secret) = try localKMS.map { try local($0) } ?? given()
      settings.privateRanges = try network.ranges()
      let command = OperatorCommand.setKMS(
        project: project, settings: settings, dropsPrivateNetwork: network.noPrivateNetworking)
      guard case .kms(let kms) = try await session.ask(command, secret: secret) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(kms) { kms, palette in
        ["The key wrapped and unwrapped a test value; project \(kms.project) uses it now."]
          + (kms.formerKeys == nil
            ? []
            : ["Nodes are being put under it. Keep the key before it until it is not needed: keyfold keys needed"])
          + ProjectRendering.kms(kms, palette)
      }
    }
  }

  struct Show: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows a project's KMS settings; the secret is never shown.",
      discussion: "Role: read only.\n\nExample: keyfold kms show shop")

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .kms(let kms) = try await session.ask(.showKMS(project: project)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(kms, ProjectRendering.kms)
    }
  }

  struct Check: OperatorSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Checks the key now: the coordinator unwraps its own canary.",
      discussion: """
        The verdict is 'valid', 'revoked' or 'unreachable'; the exit code is 0 for 'valid' and 1 for anything else. \
        'revoked' disables clusters only after a node confirmed it; 'unreachable' never disables anything.

        Role: cluster manager.

        Example: keyfold kms check shop
        """)

    @Argument(help: "The project.", transform: Parse.project) var project: ProjectName
    @OptionGroup var options: GlobalOptions

    func perform(_ session: OperatorSession, _ terminal: Terminal) async throws {
      guard case .kms(let kms) = try await session.ask(.checkKMS(project: project)) else {
        throw OperatorFailure.unexpectedAnswer()
      }
      terminal.show(kms, ProjectRendering.kms)
      if kms.lastCheck?.verdict != "valid" { throw ExitCode(ExitStatus.failed.rawValue) }
    }
  }
}
