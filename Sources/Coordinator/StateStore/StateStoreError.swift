// SPDX-License-Identifier: GPL-3.0-or-later

/// Why the coordinator's store could not be opened, read or written.
public struct StateStoreError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Code: String, Sendable, Equatable, CaseIterable {
    /// Another coordinator has the store open.
    case locked
    /// The file is damaged, or a record in it can't be read.
    case damaged
    /// A newer Keyfold wrote the file.
    case newerSchema
    /// The file is a database of something else.
    case foreign
    /// The disk or the file system refused.
    case storage
    /// The store was closed.
    case closed
    /// What was to be written breaks a limit.
    case invalid
  }

  /// The kind of failure.
  public let code: Code
  /// The file or folder it is about.
  public let path: String
  /// What was being done and what went wrong, with what to do next.
  public let message: String
  /// The error below, if there was one.
  public let underlying: (any Error)?

  init(_ code: Code, path: String, _ message: String, underlying: (any Error)? = nil) {
    self.code = code
    self.path = path
    self.message = message
    self.underlying = underlying
  }

  /// All of it in one line; the text of SQLite's errors never holds values.
  public var description: String {
    "\(path): \(message)" + (underlying.map { " (\($0))" } ?? "")
  }
}
