// SPDX-License-Identifier: GPL-3.0-or-later
internal import CCrypto
internal import Glibc

/// Keeps the secrets of a daemon inside its process: no core dumps, no tracing, no registers in crash reports.
public enum ProcessHardening {
  /// Swift's runtime prints the memory behind every register when it crashes, unless this variable forbids it.
  static let crashReportVariable = "SWIFT_BACKTRACE"
  /// The value that leaves the stack and leaves out registers and memory.
  static let crashReportValue = "registers=none"
  /// The running image, whatever was installed over its file since.
  package static let ownImage = "/proc/self/exe"

  /// Hardens the process; call it first in `main`, before threads, files or secrets.
  ///
  /// Replaces the process image once if the variable for crash reports is unset, because Swift reads it before `main`.
  /// From here on new files are the owner's only, also those that a library makes with a mode of its own choice.
  public static func apply() throws(SecretsError) {
    umask(0o077)
    if needsNewImage(crashReportSetting: unsafe getenv(crashReportVariable).map { unsafe String(cString: $0) }) {
      guard unsafe setenv(crashReportVariable, crashReportValue, 1) == 0 else {
        throw SecretsError(.hardeningFailed, "can't set \(crashReportVariable) in the environment", underlying: .last)
      }
      try reexecute(arguments: CommandLine.arguments)
    }
    try forbidDumps()
  }

  /// Replaces the process by the same program: memory, and with it every closed cache, is gone; the process id stays.
  ///
  /// `arguments` begin with the program's name. Descriptors above 2 are closed and signals get their defaults. Returns
  /// only by throwing.
  public static func reexecute(arguments: [String]) throws(SecretsError) -> Never {
    try replace(image: ownImage, arguments: arguments)
  }

  /// No core dumps and no tracing by other processes of the same user.
  package static func forbidDumps() throws(SecretsError) {
    let fault = kf_harden_process()
    guard fault == 0 else {
      throw SecretsError(
        .hardeningFailed, "the system refuses to switch off core dumps", underlying: SystemFault(number: fault))
    }
  }

  static func needsNewImage(crashReportSetting: String?) -> Bool { crashReportSetting == nil }

  package static func replace(image: String, arguments: [String]) throws(SecretsError) -> Never {
    var pointers = unsafe arguments.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { unsafe pointers.forEach { unsafe free($0) } }
    let fault = unsafe kf_replace_process(image, pointers)
    throw SecretsError(
      .executionFailed, "the process image can't be replaced by \(image)", underlying: SystemFault(number: fault))
  }
}
