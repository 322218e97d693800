// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

extension StoreError {
  /// The error of a failed system call.
  static func system(_ number: Int32, doing: String, file: String? = nil) -> StoreError {
    let code: Code =
      switch number {
      case ENOSPC, EDQUOT: .diskFull
      case ENOENT: .missingFile
      case EEXIST, ENOTEMPTY: .exists
      case EBUSY, EAGAIN: .busy
      default: .io
      }
    return StoreError(code, doing: doing, file: file, detail: text(of: number), underlying: number)
  }

  /// The operating system's words for an errno value. (glibc's strerror keeps its buffer per thread.)
  static func text(of number: Int32) -> String { unsafe String(cString: strerror(number)) }
}
