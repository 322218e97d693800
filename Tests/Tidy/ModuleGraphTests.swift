// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@Suite("The module graph is the declared one")
struct ModuleGraphTests {
  private static let manifest = """
    let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
    let flags: [String] = [] + (Context.environment["A"] == nil ? ["b"] : [])
    let package = Package(
      name: "a",
      dependencies: [.package(url: "https://b", exact: "1.0.0")],
      targets: [
        shims("Shared", "CZip", links: ["z"]),  // targets: [
        module("Shared", "Zip", ["CZip"]),
        module("Agent", "Life", ["Zip", logging], exclude: ["DESIGN.md"]),
        program("Agent", "a-agent", ["Life"]),
        module("Coordinator", "Plans"),
        tests("LifeTests", ["Life"]),
        .executableTarget(name: "a-bench", dependencies: ["Zip", logging], path: "Tests/Bench", swiftSettings: flags),
      ]
    )
    """

  private static let files = [
    "Sources/Shared/CZip/shim.c": "",
    "Sources/Shared/Zip/A.swift": "internal import CZip\npublic import Foundation",
    "Sources/Agent/Life/A.swift": "import Zip\n@preconcurrency internal import struct Logging.Logger",
    "Sources/Agent/a-agent/A.swift": "import Life",
    "Sources/Coordinator/Plans/A.swift": "import Synchronization",
    "Tests/LifeTests/A.swift": "import Testing\n@testable import Life",
    "Tests/Bench/A.swift": "import Zip\nimport Logging",
  ]

  private func found(_ changes: [String: String] = [:], manifest: (String) -> String = { $0 }) -> [String] {
    let files = Self.files.merging(changes) { $1 }
    let graph = ModuleGraph(
      manifest: Manifest(text: manifest(Self.manifest)), sources: files.map { Source(path: $0.key, text: $0.value) })
    return graph.findings().sorted().map { "\($0.file):\($0.line) \($0.message)" }
  }

  @Test("reads every kind of target from the manifest's text")
  func targets() {
    let targets = Manifest(text: Self.manifest).targets
    #expect(targets.map(\.name) == ["CZip", "Zip", "Life", "a-agent", "Plans", "LifeTests", "a-bench"])
    #expect(targets.map(\.folder).suffix(2) == ["Tests/LifeTests", "Tests/Bench"])
    #expect(targets[2].dependencies == ["Zip", "Logging"])
    #expect(targets[3].module == "a_agent")
    #expect(targets.map(\.side) == ["Shared", "Shared", "Agent", "Agent", "Coordinator", nil, nil])
    #expect(targets.map(\.line) == Array(7...13))
  }

  @Test("finds nothing if all is as declared")
  func clean() {
    #expect(found().isEmpty)
  }

  @Test("finds an import nobody declared")
  func undeclared() {
    let path = "Sources/Agent/a-agent/B.swift"
    #expect(found([path: "\n@_exported import Zip"]) == ["\(path):2 a-agent imports Zip but doesn't declare it"])
  }

  @Test("finds a declared dependency nobody imports")
  func unused() {
    let path = "Sources/Agent/Life/A.swift"
    #expect(
      found([path: "import Zip  // import Logging"]) == ["Package.swift:9 Life declares Logging but doesn't import it"])
  }

  @Test("finds what points down or across")
  func wrongWay() {
    let across = found(["Sources/Coordinator/Plans/A.swift": "import Life"]) {
      $0.replacing("\"Plans\")", with: "\"Plans\", [\"Life\"])")
    }
    #expect(across == ["Package.swift:11 Plans of Coordinator depends on Life of Agent"])
    let down = found(["Sources/Shared/Zip/B.swift": "import Plans"]) {
      $0.replacing("\"Zip\", [\"CZip\"]", with: "\"Zip\", [\"CZip\", \"Plans\"]")
    }
    #expect(down == ["Package.swift:8 Zip depends on Plans, which is declared below it"])
  }

  @Test("finds a second door to a C library")
  func doors() {
    let second = found(["Sources/Coordinator/Plans/A.swift": "import CZip"]) {
      $0.replacing("\"Plans\")", with: "\"Plans\", [\"CZip\"])")
    }
    #expect(second == ["Package.swift:11 Plans uses CZip, which is Zip's"])
  }

  @Test("finds folders without a target, targets without a folder, and targets of an unknown kind")
  func folders() {
    #expect(found(["Tests/NewTests/A.swift": ""]) == ["Tests/NewTests:1 no target of the manifest is in this folder"])
    let empty = found { $0.replacing("tests(\"Life", with: "tests(\"NoTests\", []),\n    tests(\"Life") }
    #expect(empty == ["Package.swift:12 Tests/NoTests of NoTests has no sources"])
    let odd = found { $0.replacing("tests(\"Life", with: "plugin(\"A\"),\n    tests(\"Life") }
    #expect(odd == ["Package.swift:12 what does `plugin` declare?"])
  }

  @Test("holds the top level to what was fixed")
  func topLevel() {
    let fine = ["Package.swift", "README.md", "LICENSE", ".gitignore", "Sources/A/B/c.swift", "Tests/A/b", "deploy/a"]
    #expect(TopLevel.findings(paths: fine).isEmpty)
    #expect(TopLevel.findings(paths: fine + ["CHANGELOG.md", "docs/a"]).marks == ["1 top-level", "1 top-level"])
  }

  @Test("wants each module in README's source map")
  func sourceMap() {
    let paths = ["Sources/Shared/Zip/A.swift", "Sources/Agent/a-agent/A.swift", "Sources/Agent/Life/Deep/A.swift"]
    let readme = "# A\n## Source map\n| `Zip` | a |\n### Agent\n```\nLife  b\na-agent c\n```\n## Use\n"
    #expect(SourceMap.findings(paths: paths, readme: readme).isEmpty)
    let gone = readme.replacing("a-agent", with: "agent").replacing("Life ", with: "") + "Life\n"
    #expect(SourceMap.findings(paths: paths, readme: gone).marks == ["2 source-map", "2 source-map"])
    #expect(SourceMap.findings(paths: paths, readme: "# A\n").marks == ["1 source-map"])
    #expect(SourceMap.findings(paths: paths, readme: nil).marks == ["1 source-map"])
  }
}
