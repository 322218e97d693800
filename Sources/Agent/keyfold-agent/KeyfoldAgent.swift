// SPDX-License-Identifier: GPL-3.0-or-later
internal import AgentRuntime
internal import ArgumentParser
internal import DaemonRuntime
internal import Foundation
internal import Logging
internal import Secrets
internal import ServiceLifecycle
internal import Transport
internal import UnixSignals

@main
struct KeyfoldAgent: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keyfold-agent",
    abstract: "Runs one node of a Keyfold cluster.",
    discussion: """
      A node gets its identity once, is enrolled with a one-time token, and then runs under the coordinator's orders:

        keyfold node token create node-1 --file node-1.token
        keyfold-agent join --token node-1.token --identity /etc/keyfold/node-1.key --config /etc/keyfold/node-1.json
        keyfold-agent run --config /etc/keyfold/node-1.json --data /var/lib/keyfold/node-1

      EXIT CODES
        0  done, or ended by SIGTERM
        1  it was tried and failed; the log says why
        2  the command line or the configuration makes no sense
      """,
    version: KeyfoldVersion.text, subcommands: [Initialize.self, Join.self, Run.self])

  static func main() async {
    do {
      try ProcessHardening.apply()
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      // Everything that is wrong with arguments or settings ends with 2, as with keyfold.
      guard let code = usageExit(for: error) else { exit(withError: error) }
      try? FileHandle.standardError.write(contentsOf: Data((fullMessage(for: error) + "\n").utf8))
      Foundation.exit(code)
    }
  }

  /// The exit code of an error in arguments or settings, nil for any other.
  private static func usageExit(for error: any Error) -> Int32? {
    if error is ConfigurationError || (error as? AgentError)?.code == .configuration { return 2 }
    return exitCode(for: error) == .validationFailure ? 2 : nil
  }
}

struct Initialize: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Makes the node's CURVE key pair and prints the public key.",
    discussion: """
      The file holds the secret key; keep it outside the data directory and out of backups. Running it again with a \
      file that exists prints the same public key and changes nothing.

      Example: keyfold-agent init --identity /etc/keyfold/node-1.key
      """)

  @Option(help: "The file for the secret key (mode 0600), outside the data directory.")
  var identity: String

  @Flag(help: "Print a JSON object with the field publicKey.")
  var json = false

  func run() throws {
    let key = try Self.identity(at: identity)
    let encoder = JSONEncoder()
    encoder.outputFormatting = .withoutEscapingSlashes
    let text = json ? String(decoding: try encoder.encode(["publicKey": key.text]), as: UTF8.self) : key.text
    try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
  }

  /// The public key of the pair in a file, which is made if there is none.
  static func identity(at path: String) throws -> CurvePublicKey {
    if FileManager.default.fileExists(atPath: path) { return try CurveIdentity.load(from: path).publicKey }
    let fresh = try CurveIdentity.generate()
    try SecretFile.create(path, holding: try fresh.secretKeyText())
    return fresh.publicKey
  }
}

struct Run: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Serves until SIGTERM.",
    discussion: """
      Writes DATA/ready.json once its ports are bound. Until the coordinator has sent settings, and while a key is \
      revoked or the KMS cannot be reached at start, it answers drivers with an error that says so. Shows Prometheus \
      metrics on 127.0.0.1:7461, or where metrics.address and metrics.port say. SIGHUP reads logLevel and the \
      certificate files of drivers.tls again.

      Example: keyfold-agent run --config /etc/keyfold/node-1.json --data /var/lib/keyfold/node-1
      """)

  @Option(help: "The configuration file (JSON).")
  var config: String

  @Option(help: "The data directory; wins over the configuration's.")
  var data: String?

  func run() async throws {
    DaemonSignals.ignoreHangUp()
    let configuration = try ConfigurationFile.load(AgentConfiguration.self, path: config)
    guard let data = data ?? configuration.data else {
      throw ValidationError("No data directory: give --data DIR, or set 'data' in \(config).")
    }
    let level = DaemonLogging.start(level: try LogLevel.named(configuration.logLevel))
    var logger = Logger(label: "keyfold-agent")
    logger[metadataKey: "node"] = "\(configuration.node)"
    OpenFileLimit.raise(toHold: OpenFileLimit.agent, logger: logger)
    try SecureHeap.initialize(bytes: (configuration.secureHeapKilobytes ?? 4096) << 10)
    let agent = try Agent(configuration, data: data, logger: logger)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(
            service: HangUpService(logger: logger) { [config] in
              agent.reload()
              return try Self.reload(config, level)
            }),
          .init(service: agent, successTerminationBehavior: .gracefullyShutdownGroup),
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }

  /// Takes the log level of the file; every other setting, but what `Agent.reload` reads, needs a restart.
  private static func reload(_ path: String, _ level: LogLevel) throws -> String {
    level.set(try LogLevel.named(try ConfigurationFile.load(AgentConfiguration.self, path: path).logLevel))
    return "log level \(level.current.rawValue); all other settings but the certificates need a restart"
  }
}
