// SPDX-License-Identifier: GPL-3.0-or-later

/// Why something an operator asked for was not done, or why the stored state can't be used.
public struct CoordinatorError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: String, Sendable, Equatable, CaseIterable {
    /// Something it names does not exist.
    case notFound
    /// What it would make exists already.
    case alreadyExists
    /// It is not allowed as things stand.
    case refused
    /// The operator who asks lacks the role for it.
    case forbidden
    /// The request makes no sense as it stands.
    case invalid
    /// Something else is under way that has to end first.
    case conflict
    /// The stored state contradicts itself.
    case damagedState
  }

  /// The kind of failure.
  public let code: Code
  /// What happened, one sentence.
  public let what: String
  /// Why, one sentence; empty if `what` says it all.
  public let why: String
  /// What to do next; empty if there is nothing to do.
  public let next: String

  /// Makes an error of its sentences.
  public init(_ code: Code, _ what: String, why: String = "", next: String = "") {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
  }

  /// All of it in one line.
  public var message: String { [what, why, next].filter { !$0.isEmpty }.joined(separator: " ") }
  /// All of it in one line.
  public var description: String { message }
}
