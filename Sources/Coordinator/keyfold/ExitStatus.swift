// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// The documented exit codes.
enum ExitStatus: Int32 {
  case done = 0
  case failed = 1
  case usage = 2
  case unreachable = 3
  case refused = 4
  case unfinished = 5

  /// The exit code of a failure.
  init(_ code: OperatorFailure.Code) {
    switch code {
    case .invalid: self = .usage
    case .notFound, .alreadyExists, .conflict, .forbidden: self = .refused
    case .kmsFailed, .failed, .versionMismatch: self = .failed
    case .unreachable: self = .unreachable
    case .unanswered: self = .unfinished
    }
  }
}
