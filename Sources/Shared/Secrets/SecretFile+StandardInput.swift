// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc

extension SecretFile {
  /// Reads a secret from standard input, to its end; from a terminal one line, after `prompt`, without showing it.
  ///
  /// Throws `fileEmpty`, and `fileTooLarge` above `limit` bytes. One line end at its end is left out.
  public static func readStandardInput(prompt: String, limit: Int) throws(SecretsError) -> SecretBytes {
    let isTerminal = isatty(STDIN_FILENO) == 1
    var settings = termios()
    let isKnown = unsafe tcgetattr(STDIN_FILENO, &settings) == 0
    let saved: termios? = isTerminal && isKnown ? settings : nil
    if isTerminal {
      complain(prompt)
      settings.c_lflag &= ~tcflag_t(ECHO)
      _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
    }
    defer {
      if var saved {
        _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved)
        complain("\n")
      }
    }
    return try line(stoppingAtLineEnd: isTerminal, limit: limit)
  }

  private static func complain(_ text: String) {
    let bytes = Array(text.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  /// Reads to the end of the input, or of the line, without buffers that nobody wipes.
  private static func line(stoppingAtLineEnd: Bool, limit: Int) throws(SecretsError) -> SecretBytes {
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
