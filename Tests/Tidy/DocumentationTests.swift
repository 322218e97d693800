// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@Suite("What is public is documented, in sentences")
struct DocumentationTests {
  @Test(
    "finds a public declaration without a comment",
    arguments: [
      "public func a() {}", "public init() {}", "public var a: Int { 1 }", "public static let a = 1",
      "public struct A {}",
      "public final class A {}", "public enum A {}", "public protocol A {}", "public actor A {}",
      "public typealias A = B",
      "public private(set) var a = 1", "@discardableResult\npublic func a() {}", "public nonisolated func a() {}",
      "public indirect enum A {}", "@frozen public struct A {}", "public subscript(a: Int) -> Int { 1 }",
      "open class A {}",
      "// no doc\npublic func a() {}", "/// Not right above.\n\npublic func a() {}",
    ])
  func finds(text: String) {
    let line = text.split(separator: "\n", omittingEmptySubsequences: false).count
    #expect(PublicDocs.findings(in: snippet(text)).marks == ["\(line) public-docs"])
    #expect(PublicDocs.findings(in: snippet(text, at: "Tests/SampleTests/A.swift")).isEmpty)
  }

  @Test(
    "leaves alone",
    arguments: [
      "public import A", "public extension A {}", "func a() {}", "/// A.\npublic func a() {}", "package func a() {}",
      "/// A.\n@discardableResult\n@inlinable\npublic func a() {}", "// public func a() {}", "\"public func a()\"",
      "/// A.\n// tidy:allow unchecked-sendable why\npublic struct A {}", "enum A { case b }",
      "let open = a.open\nlet b = open.first", "case .open(let a): a",
    ])
  func leaves(text: String) {
    #expect(PublicDocs.findings(in: snippet(text)).isEmpty)
  }

  @Test("finds undocumented requirements of public protocols, and of no others")
  func requirements() {
    let body = "protocol A {\n  func a()\n  /// B.\n  var b: Int { get }\n  associatedtype C\n}\nfunc d() { var e = 1 }"
    #expect(PublicDocs.findings(in: snippet("/// A.\npublic \(body)")).marks == ["3 public-docs", "6 public-docs"])
    #expect(PublicDocs.findings(in: snippet(body)).isEmpty)
  }

  @Test(
    "finds a comment whose first paragraph ends without a sentence",
    arguments: [
      "/// A key", "/// A key\n/// of a node", "/// A key,\n///\n/// More.", "/// A key\n/// - a: One.",
    ])
  func summaries(text: String) {
    #expect(DocSummaries.findings(in: snippet(text)).map(\.rule) == [.docSummary])
  }

  @Test(
    "leaves sentences alone",
    arguments: [
      "/// A key.", "/// A key\n/// of a node.", "/// A key (of a node.)", "/// A key.\n///\n/// - one",
      "/// Is it `a`?",
      "/// One of:\n/// - one", "//// A line", "a()  /// trailing", "/// A key: `a.`",
    ])
  func sentences(text: String) {
    #expect(DocSummaries.findings(in: snippet(text)).isEmpty)
  }
}
