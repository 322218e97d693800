// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import LocalKMS

extension LocalKMSCommands {
  struct AccessKeys: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .accessKeys }
    static let configuration = CommandConfiguration(
      commandName: "access-keys", abstract: "Lists the ids of all access keys.",
      discussion: "Example: keyfold local-kms access-keys")

    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      terminal.show(try await kms.accessKeys(), as: "accessKeys", empty: "There is no access key.") { ids, _ in ids }
    }
  }

  struct CreateAccessKey: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .accessKeys }
    static let configuration = CommandConfiguration(
      commandName: "create-access-key", abstract: "Makes an access key and writes it to a file only you can read.",
      discussion: """
        The secret is in the file's field secretAccessKey; it is never printed. A file that is there already is not \
        overwritten.

        Example: keyfold local-kms create-access-key --file ./orders.json
        """)

    @Option(name: .long, help: "The file to write.") var file: String
    @Option(
      name: .long, parsing: .unconditional,
      help: ArgumentHelp("Let it expire after this many seconds.", valueName: "seconds"))
    var lasting: Int?
    @OptionGroup var options: LocalKMSOptions

    func validate() throws {
      if let lasting, !LocalKMSOperator.accessKeySeconds.contains(lasting) {
        let range = LocalKMSOperator.accessKeySeconds
        throw ValidationError("--lasting has to be \(range.lowerBound) to \(range.upperBound) seconds.")
      }
    }

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      let id = try await kms.createAccessKey(writingTo: file, lasting: lasting.map { .seconds($0) })
      terminal.show(["accessKeyID": id, "file": file]) { _, _ in ["Access key \(id) is in \(file)."] }
    }
  }

  struct DeleteAccessKey: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .accessKeys }
    static let configuration = CommandConfiguration(
      commandName: "delete-access-key", abstract: "Removes an access key.",
      discussion: "Example: keyfold local-kms delete-access-key AKIA…")

    @Argument(help: "The access key's id.") var accessKeyID: String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.deleteAccessKey(accessKeyID)
      terminal.show(["deleted": accessKeyID]) { _, _ in ["Access key \(accessKeyID) is gone."] }
    }
  }

  struct Deny: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .accessKeys }
    static let configuration = CommandConfiguration(
      abstract: "Forbids an access key to use a key.",
      discussion: "Example: keyfold local-kms deny arn:aws:kms:… --access-key-id AKIA…")

    @Argument(help: "The key's ARN or id, of any dialect.") var key: String
    @Option(name: .long, help: "The id of the access key, client or service account.") var accessKeyID: String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.setDenied(true, accessKeyID: accessKeyID, keyID: key)
      terminal.show(["denied": accessKeyID, "keyID": key]) { _, _ in
        ["Access key \(accessKeyID) may not use \(key) now."]
      }
    }
  }

  struct Allow: LocalKMSSubcommand {
    static var topic: LocalKMSTopic { .accessKeys }
    static let configuration = CommandConfiguration(
      abstract: "Allows an access key to use a key again.",
      discussion: "Example: keyfold local-kms allow arn:aws:kms:… --access-key-id AKIA…")

    @Argument(help: "The key's ARN or id, of any dialect.") var key: String
    @Option(name: .long, help: "The id of the access key, client or service account.") var accessKeyID: String
    @OptionGroup var options: LocalKMSOptions

    func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws {
      try await kms.setDenied(false, accessKeyID: accessKeyID, keyID: key)
      terminal.show(["allowed": accessKeyID, "keyID": key]) { _, _ in
        ["Access key \(accessKeyID) may use \(key) again."]
      }
    }
  }
}
