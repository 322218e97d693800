// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import DaemonRuntime
internal import Foundation
internal import Glibc

/// The one place that writes to the screen: text or JSON, colour only where somebody can see it.
struct Terminal: Sendable {
  /// Whether everything is written as JSON.
  let json: Bool
  /// Whether standard output is a terminal.
  let isInteractive: Bool
  /// How text is coloured.
  let palette: Palette

  init(json: Bool) {
    self.json = json
    isInteractive = isatty(STDOUT_FILENO) == 1
    let environment = ProcessInfo.processInfo.environment
    let coloured = isInteractive && !json && (environment["NO_COLOR"] ?? "").isEmpty && environment["TERM"] != "dumb"
    palette = Palette(isColoured: coloured)
  }

  /// The width of the terminal in columns, 100 if there is none.
  var columns: Int {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
    return Int(size.ws_col)
  }

  /// Writes one line, or several joined by line ends.
  ///
  /// What can't be written ends the process with 1, because whoever reads the output would take it for all there is;
  /// unless nobody reads any more.
  func write(_ text: String) { Self.put(text + "\n") }

  /// Writes lines.
  func write(_ lines: [String]) {
    if !lines.isEmpty { write(lines.joined(separator: "\n")) }
  }

  /// Writes to standard error.
  func complain(_ text: String) { _ = Self.put(text + "\n", to: STDERR_FILENO) }

  /// Writes a value as JSON with keys in order; on one line if `compact`.
  func write(json value: some Encodable, compact: Bool = false) {
    if let text = Self.text(of: value, compact: compact) { write(text) }
  }

  /// Writes a failure: as JSON on standard output, else as three sentences on standard error.
  func report(_ failure: OperatorFailure) {
    if json { return write(json: ["error": failure]) }
    let palette = Palette(isColoured: isatty(STDERR_FILENO) == 1 && self.palette.isColoured)
    complain(palette.paint("error: ", .bad) + Self.harmless(failure.what))
    if !failure.why.isEmpty { complain("  why:  " + Self.harmless(failure.why)) }
    if !failure.next.isEmpty { complain("  next: " + Self.harmless(failure.next)) }
  }

  /// Text without what would steer a terminal: files and servers may say anything.
  static func harmless(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false)
      .map { Spelling.printable(String($0), limit: .max) }.joined(separator: "\n")
  }

  /// Goes up `count` lines and clears from there to the end of the screen.
  func erase(lines count: Int) {
    if count > 0 { Self.put("\u{1B}[\(count)A\u{1B}[J") }
  }

  static func text(of value: some Encodable, compact: Bool) -> String? {
    let encoder = JSONEncoder()
    encoder.outputFormatting =
      compact
      ? [.sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
    return (try? encoder.encode(value)).flatMap { String(bytes: $0, encoding: .utf8) }
  }

  private static func put(_ text: String) {
    let fault = put(text, to: STDOUT_FILENO)
    guard fault != 0, fault != EPIPE else { return }
    let reason = unsafe strerror(fault).map { unsafe String(cString: $0) } ?? "error \(fault)"
    _ = put("error: the output can't be written: \(reason)\n", to: STDERR_FILENO)
    exit(ExitStatus.failed.rawValue)
  }

  /// Writes all of a text; answers errno, 0 when done.
  private static func put(_ text: String, to descriptor: Int32) -> Int32 {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        bytes = bytes.dropFirst(count)
      } else if errno == EAGAIN {
        // Somebody else made the descriptor non-blocking: it is theirs too.
        var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&waiting, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }
}

/// Colours by meaning; without colour, text stays as it is.
struct Palette: Sendable {
  /// What a colour means.
  enum Ink: String { case good = "32", bad = "31", warning = "33", faint = "2", strong = "1" }

  /// Whether anything is coloured.
  let isColoured: Bool

  /// Text without any colour.
  static let plain = Palette(isColoured: false)

  /// A line of at most `columns` visible characters; colours take no room, and end with the line.
  static func cut(_ line: String, to columns: Int) -> String {
    var (result, visible, isEscape, isColoured) = ("", 0, false, false)
    for character in line {
      if character == "\u{1B}" { (isEscape, isColoured) = (true, true) }
      if isEscape {
        result.append(character)
        if character == "m" { isEscape = false }
      } else if visible < columns {
        result.append(character)
        visible += 1
      }
    }
    return isColoured ? result + "\u{1B}[0m" : result
  }

  /// Text in a colour.
  func paint(_ text: String, _ ink: Ink?) -> String {
    guard isColoured, let ink, !text.isEmpty else { return text }
    return "\u{1B}[\(ink.rawValue)m\(text)\u{1B}[0m"
  }
}
