// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@Suite("The repository is tidy")
struct RepositoryTests {
  /// Read once: each test looks at its own rule's findings.
  private static let inspected = Result { () throws -> [Rule: [Finding]] in
    let repository = try Repository()
    let manifest = Manifest(text: repository.text("Package.swift") ?? "")
    let findings =
      repository.sources.flatMap { FileRules.findings(in: $0) }
      + ModuleGraph(manifest: manifest, sources: repository.sources).findings()
      + TopLevel.findings(paths: repository.paths)
      + SourceMap.findings(paths: repository.paths, readme: repository.text("README.md"))
    return Dictionary(grouping: findings, by: \.rule)
  }

  @Test("nothing breaks the rule", arguments: Rule.allCases)
  func holds(rule: Rule) throws {
    let findings = try Self.inspected.get()[rule] ?? []
    let report = findings.sorted().map { "\($0)" }.joined(separator: "\n")
    if !findings.isEmpty { Issue.record("\(findings.count) findings\n\(report)") }
  }

  @Test("the whole repository was read")
  func readsEverything() throws {
    let repository = try Repository()
    let manifest = Manifest(text: repository.text("Package.swift") ?? "")
    #expect(manifest.targets.count > 20)
    #expect(repository.sources.filter { $0.language == .swift }.count > 200)
    #expect(repository.sources.contains { $0.language == .c && $0.isGenerated })
    #expect(repository.sources.contains { $0.language == .script })
  }
}
