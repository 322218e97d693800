// SPDX-License-Identifier: GPL-3.0-or-later
/// The top level of the repository is fixed; hidden files are the tools' own.
enum TopLevel {
  private static let allowed: Set<String> = ["Package.swift", "Sources", "Tests", "deploy", "README.md", "LICENSE"]

  static func findings(paths: [String]) -> [Finding] {
    let names = Set(paths.compactMap { $0.split(separator: "/").first.map(String.init) })
    return names.filter { !allowed.contains($0) && !$0.hasPrefix(".") }.sorted().map {
      Finding(file: $0, line: 1, rule: .topLevel, message: "the top level holds only \(allowed.sorted())")
    }
  }
}
