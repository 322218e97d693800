// SPDX-License-Identifier: GPL-3.0-or-later
/// The exceptions a file grants itself: a comment `tidy:allow RULE reason`, in the line it is for or right above it.
struct Allowances {
  private struct Grant {
    let line: Int
    let rule: Rule
    let coversNext: Bool
  }

  private static let marker = "tidy:allow"

  private var grants: [Grant] = []
  private var malformed: [Finding] = []
  private let source: Source

  /// Reads the file's exceptions.
  init(of source: Source) {
    self.source = source
    for comment in source.comments where comment.text.hasPrefix(Self.marker) {
      let words = comment.text.dropFirst(Self.marker.count).split(separator: " ").map(String.init)
      let known = words.first.flatMap { Rule(rawValue: $0) }
      if let rule = known, Rule.allowable.contains(rule), words.count > 1 {
        grants.append(Grant(line: comment.line, rule: rule, coversNext: comment.ownsLine))
      } else if let rule = known, Rule.allowable.contains(rule) {
        malformed.append(source.finding(comment.line, .allowance, "\(rule.rawValue) is allowed without a reason"))
      } else {
        let name = words.first ?? ""
        malformed.append(source.finding(comment.line, .allowance, "`\(name)` is no rule that a line may break"))
      }
    }
  }

  /// The findings no exception covers, and the exceptions that cover none.
  func applied(to findings: [Finding]) -> [Finding] {
    var unused = Set(grants.indices)
    let left = findings.filter { finding in
      let covering = grants.indices.filter { covers(grants[$0], finding) }
      unused.subtract(covering)
      return covering.isEmpty
    }
    let idle = unused.map { source.finding(grants[$0].line, .allowance, "\(grants[$0].rule.rawValue): allows nothing") }
    return left + malformed + idle
  }

  private func covers(_ grant: Grant, _ finding: Finding) -> Bool {
    guard grant.rule == finding.rule else { return false }
    if grant.line == finding.line { return true }
    return grant.coversNext && grant.line < finding.line
      && (grant.line..<finding.line).allSatisfy { isComment($0) }
  }

  private func isComment(_ line: Int) -> Bool {
    let text = source.trimmedLine(line)
    return text.hasPrefix("//") || text.hasPrefix("#")
  }
}
