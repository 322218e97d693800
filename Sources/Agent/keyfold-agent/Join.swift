// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentRuntime
internal import ArgumentParser
internal import DaemonRuntime
internal import Foundation
internal import Secrets
internal import Transport

struct Join: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "join",
    abstract: "Enrols this node with a one-time token.",
    discussion: """
      An operator makes the token: keyfold node token create NODE. It is read from a file of mode 600 or from standard \
      input, never from an argument. The node's key pair is made here, if the identity file does not exist, and its \
      secret half goes nowhere. Only the coordinator that the token names is believed.

      Running it again with the same identity is harmless, also after the token was spent on it. Prints what a \
      configuration needs to know of the coordinator; --config writes it into a new file.

      Example: keyfold-agent join --token node-1.token --identity /etc/keyfold/node-1.key
      """)

  @Option(help: "The file with the token (mode 0600), or - for standard input.")
  var token: String

  @Option(help: "The file for the node's secret key (mode 0600), outside the data directory; made if there is none.")
  var identity: String

  @Option(help: "A configuration file to make, with node, identity and coordinator; an existing one is left as it is.")
  var config: String?

  @Option(help: "How long to try, in seconds.")
  var timeout = 60

  @Flag(help: "Print a JSON object.")
  var json = false

  private struct Joined: Encodable {
    struct Coordinator: Encodable {
      var address: String
      var publicKey: String
    }
    var node: String
    var identity: String
    var coordinator: Coordinator
  }

  func validate() throws {
    guard (1...3600).contains(timeout) else { throw ValidationError("--timeout has to be 1 to 3600 seconds.") }
  }

  func run() async throws {
    let line =
      token == "-"
      ? try SecretFile.readStandardInput(prompt: "Token: ", limit: JoinToken.maximumBytes)
      : try SecretFile.read(token, limit: JoinToken.maximumBytes, trimmingNewline: true)
    let join = try JoinToken(line: line)
    let key = try Initialize.identity(at: identity)
    try await NodeEnrolment.join(join, publicKey: key, patience: .seconds(timeout))
    let path = URL(fileURLWithPath: identity).standardizedFileURL.path
    let joined = Joined(
      node: "\(join.node)", identity: path,
      coordinator: Joined.Coordinator(address: join.coordinator, publicKey: join.coordinatorKey))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let settings = try encoder.encode(joined) + Data("\n".utf8)
    if let config, !DurableFile.exists(config) { try DurableFile.replace(config, with: [UInt8](settings)) }
    if json { return try FileHandle.standardOutput.write(contentsOf: settings) }
    try FileHandle.standardOutput.write(
      contentsOf: Data(
        """
        Node \(join.node) is enrolled by the key \(key).
        Its coordinator: \(join.coordinator), public key \(join.coordinatorKey)

        """.utf8))
  }
}
