// SPDX-License-Identifier: GPL-3.0-or-later

/// What went wrong in a store, while doing what, and to which file.
public struct StoreError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kinds of failure a caller can tell apart.
  public enum Code: String, Sendable, Equatable {
    /// A file of the store holds something it should not, or what another key wrote; `file` names it.
    case damaged
    /// The store is in plaintext, or encrypted, unlike what the caller says.
    case wrongKey
    /// The key source has no key of this id, or the key was revoked.
    case missingKey
    /// A file that belongs to the store is not there.
    case missingFile
    /// An earlier failure closed the engine; only closing the store is left.
    case panic
    /// The table or row does not exist.
    case notFound
    /// Another transaction changed the same row first: roll back and try again.
    case conflict
    /// The transaction does not fit into the cache.
    case cacheFull
    /// The disk is full.
    case diskFull
    /// The disk did not confirm a write. Never retried: what is on disk is unknown.
    case fsyncFailed
    /// The store, session or cursor was closed before.
    case closed
    /// Somebody else uses the store or table at this moment.
    case busy
    /// It exists already.
    case exists
    /// The request makes no sense: a name, an option, an order of calls.
    case invalid
    /// Any other failure of the operating system.
    case io
  }

  /// What kind of failure it is.
  public let code: Code
  /// What the store was doing.
  public let doing: String
  /// The file concerned, relative to the store's folder, if it is known.
  public let file: String?
  /// What happened and, where somebody can act, what to do.
  public let detail: String
  /// The number that WiredTiger or the operating system gave; 0 if none.
  public let underlying: Int32

  /// Makes an error.
  public init(_ code: Code, doing: String, file: String? = nil, detail: String, underlying: Int32 = 0) {
    self.code = code
    self.doing = doing
    self.file = file
    self.detail = detail
    self.underlying = underlying
  }

  /// Whether the same call can succeed later without anybody's help.
  public var isRetryable: Bool {
    switch code {
    case .conflict, .cacheFull, .busy: true
    default: false
    }
  }

  /// Whether the store cannot be used any more.
  public var isFatal: Bool {
    switch code {
    case .damaged, .panic, .fsyncFailed: true
    default: false
    }
  }

  /// One sentence for a log.
  public var description: String {
    let place = file.map { " (\($0))" } ?? ""
    let number = underlying == 0 ? "" : " [\(underlying)]"
    return "\(doing) failed\(place): \(detail)\(number)"
  }
}
