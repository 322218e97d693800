// SPDX-License-Identifier: GPL-3.0-or-later
/// README has a section "source map" that names each module of Sources, in backticks or in a block of code.
enum SourceMap {
  private static let file = "README.md"

  static func findings(paths: [String], readme: String?) -> [Finding] {
    guard let readme else { return [finding(1, "there is none, so nothing maps the sources")] }
    let lines = readme.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    guard let start = lines.firstIndex(where: { isHeading($0) && $0.lowercased().contains("source map") }) else {
      return [finding(1, "no section is called source map")]
    }
    let level = lines[start].prefix { $0 == "#" }.count
    let section = lines[(start + 1)...].prefix { !isHeading($0) || $0.prefix { $0 == "#" }.count > level }
    let named = Set(section.flatMap { $0.split { !isNameCharacter($0) }.map(String.init) })
    return modules(paths).filter { !named.contains($0) }.map {
      finding(start + 1, "the source map doesn't name the module \($0)")
    }
  }

  private static func finding(_ line: Int, _ message: String) -> Finding {
    Finding(file: file, line: line, rule: .sourceMap, message: message)
  }

  private static func isHeading(_ line: String) -> Bool { line.hasPrefix("#") && line.contains("# ") }

  private static func isNameCharacter(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "-" || character == "_"
  }

  private static func modules(_ paths: [String]) -> [String] {
    let folders = paths.compactMap { path -> String? in
      let parts = path.split(separator: "/").map(String.init)
      return parts.count > 3 && parts[0] == "Sources" ? parts[2] : nil
    }
    return Set(folders).sorted()
  }
}
