// SPDX-License-Identifier: GPL-3.0-or-later
/// Every rule about a file.
enum FileRules {
  private static let rules: [@Sendable (Source) -> [Finding]] = [
    Lengths.findings, FunctionLengths.findings, Licence.findings, Constructs.findings, Unfinished.findings,
    PublicDocs.findings, DocSummaries.findings, BannedNames.findings, BannedWords.findings, TestHabits.findings,
  ]

  /// What the file breaks, without what it allows itself.
  static func findings(in source: Source) -> [Finding] {
    Allowances(of: source).applied(to: rules.flatMap { $0(source) })
  }
}
