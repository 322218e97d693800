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

  init(_ key: KMSKeyDescription) {
    keyID = key.keyID
    state = key.providerState
    description = key.summary
    deletionAt = key.deletionSeconds.flatMap { Int64(exactly: ($0 * 1000).rounded()) }.map {
      OperatorTime(milliseconds: $0)
    }
  }

  static func lines(_ keys: [KeyRow], _ palette: Palette) -> [String] {
    var table = Table("key", "state", "deletion", "description")
    for key in keys {
      table.rows.append([
        "\(key.keyID)", Table.Cell(key.state, key.state == "Enabled" ? .good : .warning),
        "\(key.deletionAt?.description ?? "-")", "\(key.description)",
      ])
    }
    return table.lines(palette)
  }
}

extension LocalKMSCommands {
  struct CreateKey: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes a key and prints its ARN.",
      discussion: "Example: keyfold local-kms create-key --description 'orders'")

    @Option(name: .long, help: "What the key is for.") var description = ""
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      terminal.show(KeyRow(try await kms.createKey(summary: description))) { key, _ in [key.keyID] }
    }
  }

  struct Keys: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Lists all keys.", discussion: "Example: keyfold local-kms keys --json")

    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      terminal.show(
        try await kms.keys().map { KeyRow($0) }, as: "keys",
        empty: "There is no key yet. Make one: keyfold local-kms create-key", KeyRow.lines)
    }
  }

  struct Describe: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Describes one key.", discussion: "Example: keyfold local-kms describe arn:aws:kms:…")

    @Argument(help: "The key's ARN or id.") var key: String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.show(key, terminal)
    }
  }

  struct Enable: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      abstract: "Enables a key again.",
      discussion:
        "Disabled clusters come back by themselves at the next check, or at once: keyfold kms check PROJECT.\n\n"
        + "Example: keyfold local-kms enable arn:aws:kms:…")

    @Argument(help: "The key's ARN or id.") var key: String
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

    @Argument(help: "The key's ARN or id.") var key: String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.disable(key)
      try await kms.show(key, terminal)
    }
  }

  struct ScheduleDeletion: LocalKMSSubcommand {
    static let configuration = CommandConfiguration(
      commandName: "schedule-deletion", abstract: "Schedules the deletion of a key.",
      discussion: "Example: keyfold local-kms schedule-deletion arn:aws:kms:… --days 7")

    @Argument(help: "The key's ARN or id.") var key: String
    @Option(name: .long, help: "In how many days, 7 to 30.") var days = 30
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
      discussion: "Example: keyfold local-kms cancel-deletion arn:aws:kms:…")

    @Argument(help: "The key's ARN or id.") var key: String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.cancelDeletion(key)
      try await kms.show(key, terminal)
    }
  }
}

extension LocalKMSOperator {
  /// Shows a key as it is now.
  fileprivate func show(_ key: String, _ terminal: Terminal) async throws {
    terminal.show(KeyRow(try await describe(key))) { key, palette in KeyRow.lines([key], palette) }
  }
}
