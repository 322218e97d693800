// SPDX-License-Identifier: GPL-3.0-or-later
/// The targets a package manifest declares, read from its text.
struct Manifest {
  struct Target {
    let name: String
    /// Below the repository's root.
    let folder: String
    /// Names of targets and products.
    let dependencies: [String]
    /// A C target: what it imports is its headers' business.
    let isShims: Bool
    let line: Int

    /// The name its importers use.
    var module: String { name.replacing("-", with: "_") }

    /// Agent, Coordinator or Shared; nil for tests.
    var side: String? {
      let parts = folder.split(separator: "/")
      return parts.first == "Sources" && parts.count > 1 ? String(parts[1]) : nil
    }
  }

  let path: String
  /// In the order of their declaration.
  private(set) var targets: [Target] = []
  /// Calls in the list of targets that no one here understands.
  private(set) var unknown: [Finding] = []

  /// Reads the manifest's text.
  init(path: String = "Package.swift", text: String) {
    self.path = path
    let tokens = SourceScanner(text).tokens
    let products = Self.products(tokens)
    guard let start = tokens.indices.first(where: { tokens.matches(["=", "Package", "("], at: $0) }) else { return }
    var index = start + 1
    guard case .call(_, let arguments, _) = ManifestExpression.parse(tokens, at: &index),
      case .list(let declared)? = arguments.labelled("targets")
    else { return }
    for case .call(let kind, let arguments, let line) in declared {
      if let target = Self.target(kind, arguments, line, products) {
        targets.append(target)
      } else {
        unknown.append(Finding(file: path, line: line, rule: .moduleGraph, message: "what does `\(kind)` declare?"))
      }
    }
  }

  /// The products that `let name = ….product(name: …)` names.
  private static func products(_ tokens: [Token]) -> [String: String] {
    var products: [String: String] = [:]
    for start in tokens.indices where tokens[start].isWord("let") && tokens.token(start + 2)?.isMark("=") == true {
      var index = start + 3
      if case .call(let call, let arguments, _) = ManifestExpression.parse(tokens, at: &index),
        call.hasSuffix("product"),
        case .string(let name)? = arguments.labelled("name")
      {
        products[tokens[start + 1].text] = name
      }
    }
    return products
  }

  private static func target(
    _ kind: String, _ arguments: [ManifestExpression.Argument], _ line: Int, _ products: [String: String]
  ) -> Target? {
    func string(_ expression: ManifestExpression?) -> String? {
      if case .string(let text)? = expression { text } else { nil }
    }
    let (first, second) = (string(arguments.unlabelled(0)), string(arguments.unlabelled(1)))
    switch kind {
    case "module", "program", "shims":
      guard let side = first, let name = second else { return nil }
      let dependencies = names(arguments.unlabelled(2), products)
      return Target(
        name: name, folder: "Sources/\(side)/\(name)", dependencies: dependencies, isShims: kind == "shims", line: line)
    case "tests":
      guard let name = first else { return nil }
      let dependencies = names(arguments.unlabelled(1), products)
      return Target(name: name, folder: "Tests/\(name)", dependencies: dependencies, isShims: false, line: line)
    case ".executableTarget", ".target", ".testTarget":
      guard let name = string(arguments.labelled("name")), let path = string(arguments.labelled("path")) else {
        return nil
      }
      let dependencies = names(arguments.labelled("dependencies"), products)
      return Target(name: name, folder: path, dependencies: dependencies, isShims: false, line: line)
    default: return nil
    }
  }

  private static func names(_ list: ManifestExpression?, _ products: [String: String]) -> [String] {
    guard case .list(let elements)? = list else { return [] }
    return elements.map { element in
      switch element {
      case .string(let name): name
      case .name(let name): products[name] ?? name
      case .call(_, let arguments, _):
        if case .string(let name)? = arguments.labelled("name") { name } else { "?" }
      case .list: "?"
      }
    }
  }
}
