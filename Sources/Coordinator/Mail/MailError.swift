// SPDX-License-Identifier: GPL-3.0-or-later

/// Why a mail was not sent; holds no password.
public struct MailError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: String, Sendable, Equatable, CaseIterable {
    /// The server could not be reached, broke off, or asked to come back later.
    case unreachable
    /// Its certificate or TLS was not acceptable, or it has none.
    case tls
    /// It did not take user and password.
    case login
    /// It refused the sender, the recipient or the mail.
    case refused
    /// The mail or the settings are not ones that could be sent.
    case invalid
  }

  /// The kind of failure.
  public let code: Code
  /// What happened, in a sentence.
  public let detail: String

  /// Makes an error of its parts.
  public init(_ code: Code, _ detail: String) {
    self.code = code
    self.detail = detail
  }

  /// All of it in one line.
  public var description: String { "the mail was not sent (\(code.rawValue)): \(detail)" }
}
