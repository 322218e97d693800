// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

/// An error number of the operating system.
public struct SystemFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// The number, as in `errno`.
  public let number: Int32

  /// Wraps an error number.
  public init(number: Int32) { self.number = number }

  /// The error the last system call of this thread left.
  package static var last: SystemFault { SystemFault(number: errno) }

  /// Whether there was no such file.
  package var isMissingFile: Bool { number == ENOENT }

  /// Whether the file was there already.
  package var isExistingFile: Bool { number == EEXIST }

  /// The system's text for the number.
  public var description: String { unsafe String(cString: strerror(number)) }
}
