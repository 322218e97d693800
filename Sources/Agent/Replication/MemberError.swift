// SPDX-License-Identifier: GPL-3.0-or-later
public import EncryptedStore

/// Why a member could not do what was asked of its data.
public struct MemberError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failure a caller tells apart.
  public enum Code: String, Sendable, Equatable {
    /// This member is not the primary; nothing was written.
    case notPrimary
    /// The primary's part was lost while the write was on its way: whether it stands is unknown.
    case outcomeUnknown
    /// The member is closed or closing.
    case closed
    /// Too many writes wait already.
    case overloaded
    /// The files of a generation don't fit together, or are damaged.
    case damaged
    /// The storage engine or the disk failed.
    case storage
    /// A copy from another member could not be finished; the live generation is as before.
    case syncFailed
    /// A copy took longer than the oplogs last: it can't be caught up any more, and has to be begun anew.
    case syncOutrun
    /// A copy was stopped so that it does not fill the disk of a node that serves.
    case noRoom
    /// A value that came from a driver or a peer does not fit.
    case invalid
  }

  /// The kind of failure.
  public let code: Code
  /// What happened and where, for an operator.
  public let description: String
  /// The file it is about, relative to the data directory, if known.
  public let file: String?

  /// Whether the same transaction, rolled back and run again, can succeed.
  public let isRetryable: Bool

  /// Makes an error of its parts.
  public init(_ code: Code, _ description: String, file: String? = nil) {
    self.code = code
    self.description = description
    self.file = file
    isRetryable = false
  }

  /// Carries a store's error over the border, keeping what kind of trouble it is.
  public init(_ error: StoreError) {
    switch error.code {
    case .damaged, .wrongKey, .missingKey, .missingFile: code = .damaged
    default: code = .storage
    }
    description = error.description
    file = error.file
    isRetryable = error.isRetryable
  }

  /// Carries any error of the layers below over the border.
  static func carrying(_ error: any Error) -> MemberError {
    switch error {
    case let error as MemberError: error
    case let error as StoreError: MemberError(error)
    default: MemberError(.storage, "\(error)")
    }
  }
}
