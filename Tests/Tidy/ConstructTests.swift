// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@Suite("Constructs that need a reason are found, and only those")
struct ConstructTests {
  @Test(
    "finds",
    arguments: [
      ("fatalError(\"a\")", Rule.fatalError), ("try! a()", .forceTry), ("a! + b", .forceUnwrap),
      ("a()!.b", .forceUnwrap),
      ("a[0]!", .forceUnwrap), ("a as! B", .forceUnwrap), ("var a: B!", .forceUnwrap), ("var a: [B<C>]!", .forceUnwrap),
      ("\"\\(a!)\"", .forceUnwrap), ("print(a)", .print), ("Swift.print(a)", .print), ("debugPrint(a)", .print),
      ("class A: @unchecked Sendable {}", .uncheckedSendable), ("nonisolated(unsafe) var a = 1", .nonisolatedUnsafe),
      ("Task { a() }", .freeTask), ("Task.detached { a() }", .freeTask), ("let a = Task<Int, Never> { 1 }", .freeTask),
      ("Task(priority: .low) { a() }", .freeTask), ("Task<[A<B>], any Error>.detached { a() }", .freeTask),
    ])
  func finds(text: String, rule: Rule) {
    #expect(Constructs.findings(in: snippet(text)).map(\.rule) == [rule])
  }

  @Test(
    "leaves alone",
    arguments: [
      "a != b", "a!=b", "!a", "if !a, !b {}", "(!a)", "{ !$0 }", "// a! try! fatalError(", "\"a! print(b)\"",
      "try? a()",
      "func print(_ a: Int) {}", "console.print(a)", "printing(a)", "@Sendable () -> Void", "nonisolated var a = 1",
      "var task: Task<Void, Never>?", "func a() -> Task<Void, Never> { b }", "Task.isCancelled",
      "try await Task.yield()",
      "group.addTask { a() }", "enum Task { case a }".replacing("Task", with: "Job"), "preconditionFailure(\"a\")",
    ])
  func leaves(text: String) {
    #expect(Constructs.findings(in: snippet(text)).isEmpty)
  }

  @Test("lets tests trap, but not print")
  func tests() {
    let source = snippet("try! a()!\nTask { b() }\nprint(c)", at: "Tests/SampleTests/Sample.swift")
    #expect(Constructs.findings(in: source).marks == ["3 print"])
  }

  @Test("finds notes of unfinished work in code, comments and scripts")
  func unfinished() {
    #expect(Unfinished.findings(in: snippet("// TODO: a\na() // FIXME")).marks == ["1 unfinished", "2 unfinished"])
    #expect(Unfinished.findings(in: snippet("# XXX\n", at: "deploy/run.sh")).marks == ["1 unfinished"])
    #expect(Unfinished.findings(in: snippet("\"a.XXXXXX\" TODOS")).isEmpty)
  }
}
