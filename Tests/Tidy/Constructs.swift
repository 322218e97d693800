// SPDX-License-Identifier: GPL-3.0-or-later
/// Constructs the compiler lets through that need a reason: what can trap, what silences a check, what runs on its own.
enum Constructs {
  static func findings(in source: Source) -> [Finding] {
    guard source.language == .swift, source.isInSources || source.isInTests else { return [] }
    let tokens = source.tokens
    return tokens.indices.compactMap { index in
      guard let (rule, message) = broken(tokens, at: index) else { return nil }
      // A test may trap, unwrap and start tasks: what it breaks, it breaks at once. A print is a leftover anywhere.
      guard source.isInSources || rule == .print else { return nil }
      return source.finding(tokens[index].line, rule, message)
    }
  }

  private static func broken(_ tokens: [Token], at index: Int) -> (Rule, String)? {
    let token = tokens[index]
    guard token.kind != .string else { return nil }
    switch token.text {
    case "!": return unwrap(tokens, at: index)
    case "fatalError" where tokens.matches(["("], at: index + 1): return (.fatalError, "throw an error instead")
    case "print", "debugPrint", "dump":
      guard tokens.matches(["("], at: index + 1), tokens.token(index - 1)?.isWord("func") != true,
        tokens.token(index - 1)?.isMark(".") != true || tokens.matches(["Swift", "."], at: index - 2)
      else { return nil }
      return (.print, "write to a stream or a log that the caller chose")
    case "unchecked" where tokens.token(index - 1)?.isMark("@") == true:
      return (.uncheckedSendable, "the compiler can't check this; say why it holds")
    case "nonisolated" where tokens.matches(["(", "unsafe", ")"], at: index + 1):
      return (.nonisolatedUnsafe, "the compiler can't check this; say why it holds")
    case "Task": return freeTask(tokens, at: index)
    default: return nil
    }
  }

  /// `try!`, `as!`, `x!` and `T!`, but neither `!x` nor `!=`.
  private static func unwrap(_ tokens: [Token], at index: Int) -> (Rule, String)? {
    guard tokens[index].isGlued, let before = tokens.token(index - 1) else { return nil }
    if before.isWord("try") { return (.forceTry, "catch or pass on the error") }
    if let next = tokens.token(index + 1), next.isGlued, next.isMark("=") { return nil }
    guard before.kind != .mark || [")", "]", "}", "?", ">", "`"].contains(before.text) else { return nil }
    return (.forceUnwrap, "say what happens when there is no value")
  }

  /// `Task { … }`, `Task(…) { … }`, `Task<…> { … }`, `Task.detached`, `Task.immediate`; not the type's name.
  private static func freeTask(_ tokens: [Token], at index: Int) -> (Rule, String)? {
    var next = index + 1
    if tokens.token(next)?.isMark("<") == true {
      if let before = tokens.token(index - 1), [":", ">", "?"].contains(before.text) { return nil }
      var depth = 0
      repeat {
        if tokens.token(next)?.isMark("<") == true { depth += 1 }
        if tokens.token(next)?.isMark(">") == true { depth -= 1 }
        next += 1
      } while depth > 0 && next < tokens.count
    }
    let starts = [["{"], ["("], [".", "detached"], [".", "immediate"]].contains { tokens.matches($0, at: next) }
    return starts ? (.freeTask, "nobody waits for this task; use a group inside run()") : nil
  }
}
