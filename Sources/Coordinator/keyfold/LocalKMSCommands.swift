// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import Foundation
internal import LocalKMS

/// `keyfold local-kms …`
struct LocalKMSCommands: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "local-kms",
    abstract: "A small KMS for one machine: for a first try, for tests and for game days.",
    discussion: """
      It speaks the protocols of AWS KMS, Azure Key Vault and Google Cloud KMS over TLS on one port, so that nothing \
      in agent or coordinator knows that it is local. Its folder holds everything: ca.pem, credentials.json with the \
      first access key, the sealed keys and audit.jsonl.

        keyfold local-kms serve --data .keyfold/kms &
        keyfold local-kms create-key --description "my cluster's key"
        keyfold kms set shop --local-kms .keyfold/kms --key arn:aws:kms:…

      Disable the key, and every node that is under it closes its data; enable it, and they come back:

        keyfold local-kms disable KEY
        keyfold local-kms enable KEY
      """,
    subcommands: [
      Serve.self, CreateKey.self, Keys.self, Describe.self, Enable.self, Disable.self, ScheduleDeletion.self,
      CancelDeletion.self, Identities.self, CreateIdentity.self, DeleteIdentity.self, Roles.self,
      CreateRole.self, DeleteRole.self, SetMachine.self, Fault.self, AccessKeys.self,
      Replicate.self, CreateAccessKey.self, DeleteAccessKey.self, Deny.self, Allow.self,
      Audit.self,
    ])
}

/// What every command of the local KMS takes.
struct LocalKMSOptions: ParsableArguments {
  static let defaultFolder = "./.keyfold/kms"

  @OptionGroup var output: OutputOptions

  @Option(
    name: .customLong("data"),
    help: ArgumentHelp(
      "The local KMS's folder (default: $KEYFOLD_LOCAL_KMS, else \(LocalKMSOptions.defaultFolder)).", valueName: "dir"))
  var data: String?

  /// The folder that is used.
  var folder: String {
    if let data { return data }
    let named = ProcessInfo.processInfo.environment["KEYFOLD_LOCAL_KMS"] ?? ""
    return named.isEmpty ? Self.defaultFolder : named
  }
}

/// What a command of the local KMS is about, and how to see what there is of it.
enum LocalKMSTopic: String, Sendable {
  case keys
  case accessKeys = "access-keys"
  case identities
  case roles
  case faults = "fault list"
}

/// A command that asks a running local KMS.
protocol LocalKMSSubcommand: AsyncParsableCommand {
  /// What it is about: keys, unless it says otherwise.
  static var topic: LocalKMSTopic { get }
  /// The options that every such command takes.
  var options: LocalKMSOptions { get }
  /// Asks and shows.
  func perform(_ kms: LocalKMSOperator, _ terminal: Terminal) async throws
}

extension LocalKMSSubcommand {
  static var topic: LocalKMSTopic { .keys }

  /// The command as it is typed.
  static var path: String { "keyfold local-kms " + (topic == .faults ? "fault " : "") + _commandName }

  mutating func run() async throws {
    let terminal = Terminal(json: options.output.json)
    try await terminal.reporting {
      do {
        let kms = try Self.find(options.folder)
        do { try await perform(kms, terminal) } catch {
          await kms.shutdown()
          throw error
        }
        await kms.shutdown()
      } catch let error as LocalKMSError {
        throw OperatorFailure(error, folder: options.folder, topic: Self.topic, command: Self.path)
      }
    }
  }
}

extension LocalKMSSubcommand {
  /// Looks whether there is a server before its client, which has to be shut down, is made.
  private static func find(_ folder: String) throws(LocalKMSError) -> LocalKMSOperator {
    _ = try LocalKMSReady(directory: folder)
    _ = try LocalKMSCredentials(file: "\(folder)/\(LocalKMSServer.credentialsFile)")
    return try LocalKMSOperator(directory: folder)
  }
}

extension OperatorFailure {
  /// A failure of the local KMS in the operator's words; `command` is the one that was typed.
  init(
    _ error: LocalKMSError, folder: String, topic: LocalKMSTopic = .keys, command: String = "keyfold local-kms"
  ) {
    let seeing = "See what there is with: keyfold local-kms \(topic.rawValue) --data \(folder)"
    let (code, next): (Code, String) =
      switch error.code {
      case .settings, .invalid: (.invalid, "Correct the option or the file; see \(command) --help.")
      case .unreachable: (.unreachable, "Start it with: keyfold local-kms serve --data \(folder)")
      case .listening: (.failed, "Name a free port, or 0 for any; see \(command) --help.")
      case .notFound: (.notFound, seeing)
      case .alreadyExists: (.alreadyExists, seeing)
      case .fileExists: (.alreadyExists, "Name another file, or move this one away first.")
      case .refused: (.conflict, seeing)
      case .inUse: (.conflict, "Stop the other one first, or name another folder with --data.")
      case .storage, .damaged, .cryptography:
        (.failed, "Look at the folder \(folder); restore it from a copy if it is damaged.")
      }
    self.init(code, what: "The local KMS did not do it.", why: error.description, next: next)
  }
}
