// SPDX-License-Identifier: GPL-3.0-or-later
/// What the tidy test holds. The raw value is the name an allowance and a printed finding use.
enum Rule: String, CaseIterable {
  case allowance = "allow"
  case bannedName = "banned-name"
  case bannedWord = "banned-word"
  case disabledTest = "disabled-test"
  case docSummary = "doc-summary"
  case fatalError = "fatal-error"
  case fileLength = "long-file"
  case forceTry = "force-try"
  case forceUnwrap = "force-unwrap"
  case freeTask = "free-task"
  case functionLength = "long-function"
  case licence
  case lineLength = "long-line"
  case moduleGraph = "module-graph"
  case nonisolatedUnsafe = "nonisolated-unsafe"
  case print
  case publicDocs = "public-docs"
  case sleep
  case sourceMap = "source-map"
  case topLevel = "top-level"
  case uncheckedSendable = "unchecked-sendable"
  case unfinished

  /// Rules a line may break if it says why.
  static let allowable: Set<Rule> = [
    .fatalError, .forceTry, .forceUnwrap, .freeTask, .functionLength, .lineLength, .nonisolatedUnsafe, .print, .sleep,
    .uncheckedSendable,
  ]
}

/// One place that breaks a rule.
struct Finding: Comparable, CustomStringConvertible {
  /// The path below the repository's root.
  let file: String
  /// Counted from 1.
  let line: Int
  let rule: Rule
  let message: String

  var description: String { "\(file):\(line): \(rule.rawValue): \(message)" }

  static func < (one: Finding, other: Finding) -> Bool {
    (one.file, one.line, one.rule.rawValue) < (other.file, other.line, other.rule.rawValue)
  }
}
