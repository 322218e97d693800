// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import KeyManagement
internal import LocalKMS

/// A key of the local KMS as it is shown.
private struct KeyRow: Encodable {
  let keyID: String
  let state: String
  let description: String
  let deletionAt: OperatorTime?
  /// Who may not use it; nil where that was not asked.
  var denied: [String]?

  init(_ key: KMSKeyDescription) {
    keyID = key.keyID
    state = key.providerState
    description = key.summary
    deletionAt = key.deletionSeconds.flatMap { Int64(exactly: ($0 * 1000).rounded()) }.map {
      OperatorTime(milliseconds: $0)
    }
  }

  init(_ key: LocalKMSForeignKey) {
    keyID = key.keyID
    state = key.state
    description = ""
    deletionAt = key.deletionSeconds.map { OperatorTime(milliseconds: $0 * 1000) }
  }

  static func lines(_ keys: [KeyRow], _ palette: Palette) -> [String] {
    var table = Table("key", "state", "deletion", "description")
    for key in keys {
      table.rows.append([
        "\(key.keyID)", Table.Cell(key.state, key.state.lowercased() == "enabled" ? .good : .warning),
        "\(key.deletionAt?.description ?? "-")", "\(key.description)",
      ])
    }
    return table.lines(palette) + Set(keys.compactMap(\.denied)).flatMap { $0 }.sorted().map { "denied to \($0)" }
  }
}

extension LocalKMSCommands {
  struct CreateKey: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a key, and prints its ARN or the id its cloud gives it.",
      discussion: """
        Without --azure or --google it is a key of AWS KMS's dialect. A name that is taken gets a new version.

        Examples: keyfold local-kms create-key --description 'orders'
                  keyfold local-kms create-key --multi-region
                  keyfold local-kms create-key --azure orders --bits 3072
                  keyfold local-kms create-key --google global/shop/orders
        """)

    @Option(name: .long, help: "What the key is for (AWS's dialect).") var description = ""
    @Flag(name: .long, help: "Let it have replicas in other regions (AWS's dialect).") var multiRegion = false
    @Option(name: .long, help: ArgumentHelp("Make an RSA key of this name in Azure's dialect.", valueName: "name"))
    var azure: String?
    @Option(name: .long, help: "The size of an RSA key: 2048, 3072 or 4096.") var bits = 2048
    @Option(
      name: .long,
      help: ArgumentHelp("Make a symmetric key in Google's dialect.", valueName: "location/ring/key"))
    var google: String?
    @OptionGroup var options: LocalKMSOptions

    func validate() throws {
      guard azure == nil || google == nil else { throw ValidationError("Give one of --azure and --google.") }
    }

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      if let azure { return try await kms.show(try await kms.createVaultKey(azure, bits: bits), terminal, isNew: true) }
      if let google { return try await kms.show(try await kms.createCryptoKey(google), terminal, isNew: true) }
      let key = try await kms.createKey(summary: description, isMultiRegion: multiRegion)
      terminal.show(KeyRow(key)) { key, _ in [key.keyID] }
    }
  }

  struct Replicate: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a replica of a multi-Region key, and prints its ARN.",
      discussion: """
        All regions are served at the same endpoints; disabling one replica leaves the others as they are.

        Example: keyfold local-kms replicate arn:aws:kms:us-east-1:…:key/mrk-… \\
                     --region eu-central-1
        """)

    @Argument(help: "The key's ARN.") var key: String
    @Option(name: .long, help: "The region of the replica.") var region: String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      terminal.show(KeyRow(try await kms.replicate(key, to: region))) { key, _ in [key.keyID] }
    }
  }

  struct Keys: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists the keys of all dialects.", discussion: "Example: keyfold local-kms keys --json")

    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      let foreign = try await kms.vaultKeys() + kms.cryptoKeyVersions()
      terminal.show(
        try await kms.keys().map { KeyRow($0) } + foreign.map { KeyRow($0) }, as: "keys",
        empty: "There is no key yet. Make one: keyfold local-kms create-key", KeyRow.lines)
    }
  }

  struct Describe: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Describes one key.", discussion: "Example: keyfold local-kms describe arn:aws:kms:…")

    @Argument(help: "The key's ARN or id: AWS's, Azure's https://…/keys/NAME/VERSION or Google's projects/….") var key:
      String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.show(key, terminal)
    }
  }

  struct Enable: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Enables a key again.",
      discussion:
        "Disabled clusters come back at the next check, or at once: keyfold kms check PROJECT.\n\n"
        + "Example: keyfold local-kms enable arn:aws:kms:…")

    @Argument(help: "The key's ARN or id: AWS's, Azure's https://…/keys/NAME/VERSION or Google's projects/….") var key:
      String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.enable(key)
      try await kms.show(key, terminal)
    }
  }

  struct Disable: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Disables a key: nothing can be unwrapped with it until it is enabled again.",
      discussion: "Example: keyfold local-kms disable arn:aws:kms:…")

    @Argument(help: "The key's ARN or id: AWS's, Azure's https://…/keys/NAME/VERSION or Google's projects/….") var key:
      String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.disable(key)
      try await kms.show(key, terminal)
    }
  }

  struct ScheduleDeletion: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      commandName: "schedule-deletion", abstract: "Schedules the deletion of a key.",
      discussion:
        "Azure's dialect deletes a key for 90 days, Google's destroys a version in 30.\n\n"
        + "Example: keyfold local-kms schedule-deletion arn:aws:kms:… --days 7"
    )

    @Argument(help: "The key's ARN or id: AWS's, Azure's https://…/keys/NAME/VERSION or Google's projects/….") var key:
      String
    @Option(name: .long, parsing: .unconditional, help: "In how many days, 7 to 30.") var days = 30
    @OptionGroup var options: LocalKMSOptions

    func validate() throws {
      guard (7...30).contains(days) else { throw ValidationError("--days has to be 7 to 30.") }
    }

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.scheduleDeletion(key, days: days)
      try await kms.show(key, terminal)
    }
  }

  struct CancelDeletion: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      commandName: "cancel-deletion", abstract: "Takes a scheduled deletion back; the key is disabled then.",
      discussion:
        "A recovered key of Azure's dialect is as it was.\n\nExample: keyfold local-kms cancel-deletion arn:aws:kms:…")

    @Argument(help: "The key's ARN or id: AWS's, Azure's https://…/keys/NAME/VERSION or Google's projects/….") var key:
      String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.cancelDeletion(key)
      try await kms.show(key, terminal)
    }
  }
}

extension LocalKMSOperator {
  /// Shows a key as it is now; of a new one only its id.
  fileprivate func show(_ key: String, _ terminal: Terminal, isNew: Bool = false) async throws {
    var rows: [KeyRow]
    if key.hasPrefix("https://") {
      let found = try await vaultKeys()
      rows = found.filter { Self.isPart($0.keyID, of: key) || Self.isPart(key, of: $0.keyID) }.map { KeyRow($0) }
    } else if key.hasPrefix("projects/") {
      rows = try await cryptoKeyVersions().filter { Self.isPart($0.keyID, of: key) }.map { KeyRow($0) }
    } else {
      rows = [KeyRow(try await describe(key))]
    }
    if isNew { return terminal.show(["keyID": key]) { _, _ in [key] } }
    let denied = try await denied(key)
    for index in rows.indices { rows[index].denied = denied }
    if rows.count == 1, let row = rows.first {
      terminal.show(row) { row, palette in KeyRow.lines([row], palette) }
    } else {
      terminal.show(rows, as: "keys", empty: "There is no such key.", KeyRow.lines)
    }
  }

  private static func isPart(_ id: String, of key: String) -> Bool { id == key || id.hasPrefix(key + "/") }
}
