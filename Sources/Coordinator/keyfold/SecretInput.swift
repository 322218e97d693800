// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Foundation
internal import Glibc
internal import Secrets

/// Reads a secret from where no other process can see it.
enum SecretInput {
  /// Reads a secret from a private file, or from standard input if `path` is `-`; one line end at its end is left out.
  static func read(
    _ path: String, option: String = "--secret-file", prompt: String
  ) throws(OperatorFailure) -> Secret {
    do {
      if path != "-" {
        return Secret(try SecretFile.read(path, limit: OperatorPayload.maximumSecretLength, trimmingNewline: true))
      }
      return Secret(try fromStandardInput(prompt: prompt))
    } catch {
      throw OperatorFailure(
        .invalid, what: "The secret can't be read.", why: error.description,
        next: "Give \(option) a file of mode 600, or - for standard input.")
    }
  }

  private static func fromStandardInput(prompt: String) throws(SecretsError) -> SecretBytes {
    let isTerminal = isatty(STDIN_FILENO) == 1
    var settings = termios()
    let isKnown = unsafe tcgetattr(STDIN_FILENO, &settings) == 0
    let saved: termios? = isTerminal && isKnown ? settings : nil
    if isTerminal {
      try? FileHandle.standardError.write(contentsOf: Data(prompt.utf8))
      settings.c_lflag &= ~tcflag_t(ECHO)
      _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
    }
    defer {
      if var saved {
        _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved)
        try? FileHandle.standardError.write(contentsOf: Data("\n".utf8))
      }
    }
    return try line(stoppingAtLineEnd: isTerminal)
  }

  /// Reads to the end of the input, or of the line, without buffers that nobody wipes.
  private static func line(stoppingAtLineEnd: Bool) throws(SecretsError) -> SecretBytes {
    let limit = OperatorPayload.maximumSecretLength
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    defer { SecretBytes.wipe(&bytes) }
    var count = 0
    while count < bytes.count {
      let got = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe Glibc.read(STDIN_FILENO, buffer.baseAddress?.advanced(by: count), buffer.count - count)
      }
      if got < 0 && errno == EINTR { continue }
      if got <= 0 { break }
      count += got
      if stoppingAtLineEnd && bytes[count - 1] == UInt8(ascii: "\n") { break }
    }
    while count > 0, bytes[count - 1] == UInt8(ascii: "\n") || bytes[count - 1] == UInt8(ascii: "\r") { count -= 1 }
    guard count > 0 else { throw SecretsError(.fileEmpty, "standard input holds no secret") }
    guard count <= limit else { throw SecretsError(.fileTooLarge, "standard input holds more than \(limit) bytes") }
    let end = count
    return try SecretBytes(capacity: end) { (span) throws(SecretsError) in
      for index in 0..<end { span.append(bytes[index]) }
    }
  }
}
