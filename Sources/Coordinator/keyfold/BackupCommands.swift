// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import Secrets
internal import StateStore
internal import Transport

extension CoordinatorCommands {
  struct Backup: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Copies what the coordinator needs to come back, while it runs.",
      discussion: """
        Run it on the coordinator's machine, as its user. The new folder gets the store as of one moment and the \
        coordinator's CURVE key, each for its owner only, and is checked to the last record. The root key, which opens \
        the KMS credentials in the store, is not in it: keep a copy of it somewhere else. The operator's file is not \
        in it either.

        Example: keyfold coordinator backup --data /var/lib/keyfold/coordinator \\
                     /mnt/backup/keyfold-monday
        """)

    @Argument(help: "The folder to make.") var folder: String
    @Option(name: .long, help: "The coordinator's data directory.") var data: String
    @OptionGroup var output: OutputOptions

    func run() throws {
      let terminal = Terminal(json: output.json)
      try BackupRendering.reporting(terminal) {
        let made = try CoordinatorBackup(folder: folder).make(from: data)
        terminal.show(made) { BackupRendering.made($0, in: folder, data: data, $1) }
      }
    }
  }

  struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Puts a backup into the data directory of a coordinator that is stopped.",
      discussion: """
        The backup is checked to its last record first. It takes the store's place in one step; a store that was there \
        is kept beside it. Then start the coordinator: it learns from the nodes that its memory is old, takes a higher \
        epoch, and 'keyfold coordinator show' says what is to be decided. Nodes serve on meanwhile.

        The root key has to be where it was (root.key in the data directory, or the file the configuration names). If \
        it is lost, --forget-secrets takes out what only it could open: KMS credentials and the mail password then \
        have to be set again, with 'keyfold kms set' and 'keyfold mail set'.

        Example: keyfold coordinator restore --data /var/lib/keyfold/coordinator \\
                     /mnt/backup/keyfold-monday
        """)

    @Argument(help: "The backup's folder.") var folder: String
    @Option(name: .long, help: "The coordinator's data directory.") var data: String
    @Flag(name: .long, help: "Take a store that is there out of use; it is kept beside the restored one.")
    var replace = false
    @Flag(name: .long, help: "Take sealed credentials out of the copy, because the root key is lost.")
    var forgetSecrets = false
    @OptionGroup var output: OutputOptions

    func run() throws {
      let terminal = Terminal(json: output.json)
      try BackupRendering.reporting(terminal) {
        let outcome = try CoordinatorBackup(folder: folder).restore(
          to: data, replacing: replace, forgettingSecrets: forgetSecrets)
        terminal.show(outcome, BackupRendering.restored)
      }
    }
  }
}

/// Backups of the coordinator as text.
enum BackupRendering {
  static func made(_ mark: CoordinatorBackup.Mark, in folder: String, data: String, _ palette: Palette) -> [String] {
    Table.facts([("backup", Table.Cell(folder, .good))] + content(mark.content), palette) + [
      "The root key is not in it (\(data)/\(CoordinatorBackup.rootKeyFile), or what the configuration names):",
      "keep a copy of it somewhere else. Without it the KMS credentials have to be set again.",
    ]
  }

  static func restored(_ outcome: CoordinatorBackup.Outcome, _ palette: Palette) -> [String] {
    var facts: [(String, Table.Cell?)] = [
      ("restored to", Table.Cell(outcome.data, .good)), ("made", "\(outcome.backup.madeAt)"),
    ]
    facts += content(outcome.backup.content)
    facts.append(("former store", outcome.formerStore.map { "\($0)" }))
    var lines = Table.facts(facts, palette)
    if outcome.secretsForgotten > 0 {
      lines.append("\(Wording.counted(outcome.secretsForgotten, "sealed secret")) forgotten: set credentials again.")
    } else if !outcome.hasRootKey, outcome.backup.content.secrets > 0 {
      lines.append(
        "There is no \(CoordinatorBackup.rootKeyFile) in \(outcome.data): put it back, or use --forget-secrets."
      )
    }
    return lines + ["Start the coordinator; then: keyfold coordinator show"]
  }

  private static func content(_ content: StoreContent) -> [(String, Table.Cell?)] {
    let records = content.records.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    return [
      ("epoch", "\(content.epoch)"), ("records", "\(records)"), ("sealed secrets", "\(content.secrets)"),
      ("audit record", "to entry \(content.auditHead.sequence)"),
    ]
  }

  /// Runs `body` and reports what it throws in the words of an operator.
  static func reporting(_ terminal: Terminal, _ body: () throws -> Void) throws {
    do { try body() } catch {
      let failure = failure(error)
      terminal.report(failure)
      throw ExitCode(ExitStatus(failure.code).rawValue)
    }
  }

  private static func failure(_ error: any Error) -> OperatorFailure {
    switch error {
    case let failure as OperatorFailure: failure
    case let error as StateStoreError where error.code == .locked:
      OperatorFailure(
        .conflict, what: "The coordinator's store is in use.", why: error.description, next: "Stop the coordinator.")
    case let error as StateStoreError where error.code == .invalid:
      OperatorFailure(.conflict, what: "Nothing was restored.", why: error.description, next: "See --replace.")
    default: OperatorFailure(.failed, what: "The files can't be copied.", why: "\(error)")
    }
  }
}
