// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import CoordinatorRuntime
internal import DaemonRuntime
internal import Foundation
internal import Logging
internal import Secrets
internal import ServiceLifecycle
internal import UnixSignals

/// The control plane's process: reads its configuration, builds the service, runs it.
@main
struct CoordinatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keyfold-coordinator",
    abstract: "Keyfold's control plane: decides, remembers, orders.",
    discussion: """
      Holds no database data and no master key. At its first start it makes its keys in the data directory and \
      writes operator.json there, which keyfold reads. Once it serves it writes ready.json. SIGTERM ends it \
      cleanly; killing it at any instant loses no decision; SIGHUP reads logLevel anew. \
      The command line goes before the configuration file.

      The file is a JSON object with the keys data, listen, rootKeyFile (the key that seals KMS secrets; by default \
      made in the data directory), controlPlane (addresses for the IP list), kmsTimeoutSeconds (10), metrics.address, \
      metrics.port (127.0.0.1, 7460) and logLevel (info).

      Example: keyfold-coordinator --data /var/lib/keyfold/coordinator --listen 127.0.0.1:7440
      """,
    version: "keyfold-coordinator \(KeyfoldVersion.text)")

  @Option(name: .long, help: ArgumentHelp("The configuration file.", valueName: "file")) var config: String?
  @Option(name: .long, help: ArgumentHelp("The data directory; made if it is missing.", valueName: "dir"))
  var data: String?
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Where to listen (default: \(CoordinatorConfiguration.defaultListen)); port 0 takes a free one.",
      valueName: "host:port"))
  var listen: String?

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch {
      // Everything that is wrong with arguments or settings ends with 2, as with keyfold.
      let code = exitCode(for: error)
      guard code == .validationFailure else { exit(withError: error) }
      try? FileHandle.standardError.write(contentsOf: Data((fullMessage(for: error) + "\n").utf8))
      Foundation.exit(2)
    }
  }

  func run() async throws {
    do {
      try ProcessHardening.apply()
      DaemonSignals.ignoreHangUp()
      let settings = try settings()
      try settings.check()
      let level = DaemonLogging.start(level: try LogLevel.named(settings.logLevel))
      try SecureHeap.initialize()
      let logger = Logger(label: "coordinator")
      OpenFileLimit.raise(toHold: OpenFileLimit.coordinator, logger: logger)
      let service = CoordinatorService(configuration: settings, logger: logger)
      let reload = HangUpService(logger: logger) { [self] in
        level.set(try LogLevel.named(try self.settings().logLevel))
        return "log level \(level.current.rawValue); all other settings need a restart"
      }
      try await ServiceGroup(
        services: [reload, service], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger
      ).run()
    } catch let error as ConfigurationError {
      throw ValidationError(error.description)
    } catch {
      try? FileHandle.standardError.write(contentsOf: Data("keyfold-coordinator: \(error)\n".utf8))
      throw ExitCode(1)
    }
  }

  private func settings() throws(ConfigurationError) -> CoordinatorConfiguration {
    var settings = CoordinatorConfiguration(data: "")
    if let config { settings = try ConfigurationFile.load(CoordinatorConfiguration.self, path: config) }
    if let data { settings.data = data }
    if let listen { settings.listen = listen }
    return settings
  }
}
