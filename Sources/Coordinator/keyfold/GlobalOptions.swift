// SPDX-License-Identifier: GPL-3.0-or-later
internal import ArgumentParser
internal import ClusterModel
internal import Foundation

/// What every command takes.
struct OutputOptions: ParsableArguments {
  @Flag(name: .long, help: "Write JSON with stable keys, errors included, instead of text.")
  var json = false
}

/// What every command takes that asks the coordinator.
struct GlobalOptions: ParsableArguments {
  @OptionGroup var output: OutputOptions

  @Option(
    name: .customLong("operator"),
    help: ArgumentHelp(
      "The operator file of the coordinator to ask (default: $KEYFOLD_OPERATOR, else \(GlobalOptions.defaultFile)).",
      valueName: "file"))
  var operatorFile: String?

  @Option(
    name: .long, parsing: .unconditional,
    help: ArgumentHelp(
      "How long to wait for an answer, in seconds (default: 30; 300 where the coordinator has to ask a KMS first).",
      valueName: "seconds"))
  var timeout: Double?

  static let defaultFile = "./.keyfold/coordinator/operator.json"

  /// The operator file that is used.
  var path: String {
    if let operatorFile { return operatorFile }
    let named = ProcessInfo.processInfo.environment["KEYFOLD_OPERATOR"] ?? ""
    return named.isEmpty ? Self.defaultFile : named
  }

  /// How long to wait for an answer, if it was said.
  var patience: Duration? { timeout.map { .seconds($0) } }

  func validate() throws {
    guard timeout.map({ $0 > 0 && $0 <= 86_400 }) != false else {
      throw ValidationError("--timeout has to be more than 0 and at most 86400 seconds.")
    }
  }
}

/// Names as arguments, with the model's own words when they are wrong.
enum Parse {
  static func project(_ text: String) throws -> ProjectName {
    try checked { () throws(ModelError) in try ProjectName(text) }
  }
  static func cluster(_ text: String) throws -> ClusterName {
    try checked { () throws(ModelError) in try ClusterName(text) }
  }
  static func node(_ text: String) throws -> NodeName { try checked { () throws(ModelError) in try NodeName(text) } }
  static func admin(_ text: String) throws -> OperatorName {
    try checked { () throws(ModelError) in try OperatorName(text) }
  }
  static func nodes(_ text: String) throws -> [NodeName] { try text.split(separator: ",").map { try node(String($0)) } }

  static func auditCount(_ text: String) throws -> Int {
    guard let count = Int(text), (1...AuditPage.maximumLinks).contains(count) else {
      throw ValidationError("it has to be 1 to \(AuditPage.maximumLinks)")
    }
    return count
  }

  private static func checked<Name>(_ make: () throws(ModelError) -> Name) throws -> Name {
    do { return try make() } catch { throw ValidationError(error.description) }
  }
}
