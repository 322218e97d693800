// SPDX-License-Identifier: GPL-3.0-or-later

/// Why a chain of audit entries can't be continued or believed.
public struct AuditError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: String, Sendable, CaseIterable {
    /// An entry is missing, doubled or out of order.
    case gap
    /// An entry, or one before it, was changed.
    case changed
    /// OpenSSL could not compute a digest.
    case library
  }

  /// The kind of failure.
  public let code: Code
  /// The number of the first entry that does not fit.
  public let sequence: UInt64
  private let reason: String

  init(_ code: Code, at sequence: UInt64, _ reason: String) {
    self.code = code
    self.sequence = sequence
    self.reason = reason
  }

  /// Which entry does not fit, and why.
  public var description: String { "audit entry \(sequence): \(reason)" }
}
