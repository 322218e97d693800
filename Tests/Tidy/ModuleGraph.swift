// SPDX-License-Identifier: GPL-3.0-or-later
/// The modules form the graph the manifest declares: each imports what it declares, from above, and on its own side.
struct ModuleGraph {
  struct Import {
    let module: String
    let line: Int
  }

  /// Modules of the platform and the toolchain, which nobody declares.
  private static let platform: Set<String> = [
    "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "PackageDescription", "Synchronization", "Testing",
  ]
  /// The one C module that several modules import: it is cut so that each uses its own few functions.
  private static let sharedShims: Set<String> = ["CCrypto"]

  let manifest: Manifest
  let sources: [Source]

  /// Everything that is not as declared.
  func findings() -> [Finding] {
    manifest.unknown + unclaimedFolders()
      + manifest.targets.flatMap { target in
        target.isShims ? [] : undeclared(target) + unused(target) + wrongWay(target)
      } + sharedDoors()
  }

  /// The modules a source imports.
  static func imports(of source: Source) -> [Import] {
    let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias", "actor"]
    let tokens = source.tokens
    return tokens.indices.compactMap { index in
      guard source.language == .swift, tokens[index].isWord("import"), var name = tokens.token(index + 1),
        tokens.token(index - 1)?.isMark(".") != true, name.kind == .word
      else { return nil }
      if kinds.contains(name.text), let next = tokens.token(index + 2), next.line == name.line { name = next }
      return Import(module: name.text, line: tokens[index].line)
    }
  }

  private func sources(of target: Manifest.Target) -> [Source] {
    sources.filter { $0.path.hasPrefix(target.folder + "/") && $0.language == .swift }
  }

  private func modules(of target: Manifest.Target) -> Set<String> {
    Set(target.dependencies.map { $0.replacing("-", with: "_") })
  }

  private func undeclared(_ target: Manifest.Target) -> [Finding] {
    let declared = modules(of: target)
    return sources(of: target).flatMap { source in
      Self.imports(of: source).filter { !Self.platform.contains($0.module) && !declared.contains($0.module) }.map {
        source.finding($0.line, .moduleGraph, "\(target.name) imports \($0.module) but doesn't declare it")
      }
    }
  }

  private func unused(_ target: Manifest.Target) -> [Finding] {
    let imported = Set(sources(of: target).flatMap { Self.imports(of: $0).map(\.module) })
    return modules(of: target).subtracting(imported).sorted().map {
      finding(target, "\(target.name) declares \($0) but doesn't import it")
    }
  }

  /// Dependencies declared below the target, and of the other side.
  private func wrongWay(_ target: Manifest.Target) -> [Finding] {
    let places = Dictionary(manifest.targets.enumerated().map { ($1.name, $0) }) { first, _ in first }
    return target.dependencies.compactMap { name -> Finding? in
      guard let place = places[name], let own = places[target.name] else { return nil }
      if place >= own { return finding(target, "\(target.name) depends on \(name), which is declared below it") }
      let other = manifest.targets[place].side
      guard let side = target.side, other != side, other != "Shared" else { return nil }
      return finding(target, "\(target.name) of \(side) depends on \(name) of \(other ?? "the tests")")
    }
  }

  /// A C library has one Swift module that touches it.
  private func sharedDoors() -> [Finding] {
    manifest.targets.filter { $0.isShims && !Self.sharedShims.contains($0.name) }.flatMap { shims in
      let users = manifest.targets.filter { $0.side != nil && $0.dependencies.contains(shims.name) }
      return users.dropFirst().map { finding($0, "\($0.name) uses \(shims.name), which is \(users[0].name)'s") }
    }
  }

  /// Folders with sources that no target claims, and targets without any.
  private func unclaimedFolders() -> [Finding] {
    var unclaimed: Set<String> = []
    for source in sources where source.language == .swift || source.language == .c {
      let depth = source.isInSources ? 3 : source.isInTests ? 2 : 0
      let folder = source.path.split(separator: "/").prefix(depth).joined(separator: "/")
      if depth > 0, !manifest.targets.contains(where: { $0.folder == folder }) { unclaimed.insert(folder) }
    }
    let missing = manifest.targets.filter { target in !sources.contains { $0.path.hasPrefix(target.folder + "/") } }
    return unclaimed.sorted().map {
      Finding(file: $0, line: 1, rule: .moduleGraph, message: "no target of the manifest is in this folder")
    } + missing.map { finding($0, "\($0.folder) of \($0.name) has no sources") }
  }

  private func finding(_ target: Manifest.Target, _ message: String) -> Finding {
    Finding(file: manifest.path, line: target.line, rule: .moduleGraph, message: message)
  }
}
