// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import DaemonRuntime
internal import LocalKMS
internal import Logging
internal import Metrics
internal import Secrets
internal import ServiceLifecycle
internal import UnixSignals

extension LocalKMSCommands {
  struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Runs the local KMS until it is ended.",
      discussion: """
        Writes ready.json with its ports into its folder once it serves. SIGTERM and Ctrl-C end it cleanly; its \
        keys survive kill -9.

        Example: keyfold local-kms serve --data .keyfold/kms --port 7443
        Example: keyfold local-kms serve --access-list addresses.json
        """)

    @Option(
      name: .long,
      help: "The address to listen on. Another than a loopback address is served with a warning: keys rest in files.")
    var host = "127.0.0.1"
    @Option(name: .long, help: "The port; 0 takes a free one.")
    var port = LocalKMSConfiguration.defaultPort
    @Option(name: .long, help: "The port of the metrics on 127.0.0.1; 0 takes a free one.")
    var metricsPort = UInt16(LocalKMSConfiguration.defaultMetricsPort)
    @Option(
      name: .long,
      help:
        "Serve the metadata services of EC2, Azure and Google machines on this port of 127.0.0.1; 0 takes a free one.")
    var metadataPort: Int?
    @Option(name: .long, help: "The region in key ARNs.") var region = "us-east-1"
    @Option(name: .long, help: ArgumentHelp("The twelve digits of the account in key ARNs.", valueName: "digits"))
    var account = "000000000000"
    @Option(
      name: .long,
      help: ArgumentHelp(
        "Let keys be used only from the addresses in this file, which 'keyfold iplist export --format json' writes; "
          + "it is read again whenever it changes.", valueName: "file"))
    var accessList: String?
    @OptionGroup var options: LocalKMSOptions

    func run() async throws {
      let terminal = Terminal(json: options.output.json)
      try await terminal.reporting {
        do {
          DaemonSignals.ignoreHangUp()
          DaemonLogging.start(level: .info)
          try SecureHeap.initialize()
          try DurableFile.makeFolder(options.folder)
          let logger = Logger(label: "local-kms")
          OpenFileLimit.raise(toHold: OpenFileLimit.localKMS, logger: logger)
          var configuration = LocalKMSConfiguration(
            directory: options.folder, host: host, port: port, region: region, accountID: account,
            version: KeyfoldVersion.text,
            metrics: MetricsAddress(port: metricsPort), metadataPort: metadataPort, isExposed: true)
          configuration.accessList = accessList
          let server = try LocalKMSServer(configuration: configuration, logger: logger)
          try await ServiceGroup(services: [server], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger).run()
        } catch let error as LocalKMSError {
          throw OperatorFailure(error, folder: options.folder, command: "keyfold local-kms serve")
        } catch let error as SystemFault {
          throw OperatorFailure(.failed, what: "The folder \(options.folder) can't be made.", why: "\(error)")
        } catch let error as SecretsError {
          throw OperatorFailure(.failed, what: "The local KMS can't start.", why: error.description)
        }
      }
    }
  }

  struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Shows the last lines of the audit log: time, caller, operation, key, outcome.",
      discussion: "Each line is a JSON object; no server is asked.\n\nExample: keyfold local-kms audit --last 20")

    @Option(name: .long, parsing: .unconditional, help: "How many lines.") var last = 50
    @OptionGroup var options: LocalKMSOptions

    func run() throws {
      let terminal = Terminal(json: options.output.json)
      do {
        let lines = try LocalKMSOperator.audit(directory: options.folder, last: last)
        // What a file says does not steer the terminal.
        terminal.write(lines.map { Spelling.printable($0, limit: .max) })
      } catch {
        let failure = OperatorFailure(error, folder: options.folder)
        terminal.report(failure)
        throw ExitCode(ExitStatus(failure.code).rawValue)
      }
    }
  }
}
