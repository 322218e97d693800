// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import DaemonRuntime
internal import Foundation
internal import Secrets

/// The operator's command line.
@main
struct Keyfold: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keyfold",
    abstract: "Operates clusters whose data is encrypted under a key you keep in your own KMS.",
    discussion: """
      A project owns KMS settings and clusters; a cluster has nodes; a node is one agent process. From nothing to an \
      encrypted cluster:

        keyfold project create shop
        keyfold kms set shop --key ARN --access-key-id ID --secret-file FILE
        keyfold node enroll node-a --cluster orders --key KEY
        (and so on for every node; 'keyfold-agent init' prints its key)
        keyfold cluster create orders --project shop --wait
        keyfold cluster encrypt orders --wait
        keyfold keys tree

      Every command takes --json for scripts. The coordinator is found by the operator file it wrote at its first \
      start: --operator FILE, else $KEYFOLD_OPERATOR, else ./.keyfold/coordinator/operator.json.

      EXIT CODES
        0    done
        1    it was tried and failed, or its output could not be written
        2    the command line or the request makes no sense
        3    the coordinator cannot be reached
        4    refused: it does not exist, exists already, is not allowed, or not now
        5    it was still going on, after --wait-minutes or with --no-follow; it goes on
        130  ended by Ctrl-C; a plan that was ordered goes on
      """,
    version: "keyfold \(KeyfoldVersion.text)",
    subcommands: [
      ProjectCommands.self, KMSCommands.self, NodeCommands.self, ClusterCommands.self, KeysCommands.self,
      UserCommands.self, PlanCommands.self,
      IPListCommands.self, AlertCommands.self, MailCommands.self, CoordinatorCommands.self, OperatorCommands.self,
      AuditCommands.self,
      LocalKMSCommands.self,
    ])

  static func main() async {
    do {
      try ProcessHardening.apply()
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch { finish(with: error) }
  }

  /// Says what ended the command, unless it was said already, and ends the process with the documented code.
  static func finish(with error: any Error) -> Never {
    if let code = error as? ExitCode { Foundation.exit(code.rawValue) }
    let terminal = Terminal(json: CommandLine.arguments.contains("--json"))
    if exitCode(for: error) == .success {
      terminal.write(fullMessage(for: error))
      Foundation.exit(0)
    }
    if let fault = error as? SecretsError {
      terminal.report(OperatorFailure(.failed, what: "This process can't be hardened.", why: fault.description))
      Foundation.exit(ExitStatus.failed.rawValue)
    }
    // What is wrong with the command line is known to the parser; anything else was not expected.
    guard exitCode(for: error) == .validationFailure else {
      terminal.report(OperatorFailure(.failed, what: "It failed.", why: message(for: error)))
      Foundation.exit(ExitStatus.failed.rawValue)
    }
    let meant = suggestion(for: Array(CommandLine.arguments.dropFirst()))
    if terminal.json {
      let next = meant.map { "Did you mean '\($0)'? " } ?? ""
      terminal.report(OperatorFailure(.invalid, what: message(for: error), next: next + "See keyfold --help."))
    } else {
      terminal.complain(fullMessage(for: error))
      if let meant { terminal.complain("Did you mean '\(meant)'?") }
    }
    Foundation.exit(ExitStatus.usage.rawValue)
  }
}
