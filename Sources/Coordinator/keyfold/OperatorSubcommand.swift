// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel

/// A command that asks the coordinator.
protocol OperatorSubcommand: AsyncParsableCommand {
  /// The options that every such command takes.
  var options: GlobalOptions { get }
  /// Asks and shows.
  func perform(_ session: OperatorSession, _ terminal: Terminal) async throws
}

extension OperatorSubcommand {
  mutating func run() async throws {
    let terminal = Terminal(json: options.output.json)
    try await terminal.reporting {
      let session = try await OperatorSession.open(options.path, timeout: options.patience)
      defer { session.close() }
      try await perform(session, terminal)
    }
  }
}

extension Terminal {
  /// Runs `body`; a failure is reported and becomes the documented exit code.
  func reporting(_ body: () async throws -> Void) async throws {
    do { try await body() } catch let failure as OperatorFailure {
      report(failure)
      throw ExitCode(ExitStatus(failure.code).rawValue)
    }
  }

  /// Shows one thing: JSON, or the lines `render` makes.
  func show<Value: Encodable>(_ value: Value, _ render: (Value, Palette) -> [String]) {
    if json { write(json: value) } else { write(render(value, palette)) }
  }

  /// Shows a list: JSON with the list under `name`, or the lines `render` makes, or a sentence if it is empty.
  func show<Value: Encodable>(
    _ values: [Value], as name: String, empty: String, _ render: ([Value], Palette) -> [String]
  ) {
    if json { return write(json: [name: values]) }
    if values.isEmpty { write(empty) } else { write(render(values, palette)) }
  }
}

extension OperatorFailure {
  /// The coordinator answered something else than was asked for.
  static func unexpectedAnswer() -> OperatorFailure {
    OperatorFailure(
      .versionMismatch, what: "The coordinator answered something else than was asked for.",
      next: "Use the keyfold of the coordinator's version.")
  }
}
