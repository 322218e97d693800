// SPDX-License-Identifier: GPL-3.0-or-later

/// A mail of plain text (RFC 5322, RFC 2045), as its bytes travel.
public struct MailMessage: Sendable, Equatable {
  /// The longest value of a header in bytes; a line has at most 998 (RFC 5322, section 2.1.1).
  static let maximumHeaderLength = 900

  /// The address it comes from.
  public var from: String
  /// Whom it is for; all of them see all.
  public var recipients: [String]
  /// What it is about.
  public var subject: String
  /// The text, of any characters; lines end with a line feed.
  public var text: String
  /// Its id, without angle brackets; the same at every attempt to send it.
  public var id: String
  /// The id of the mail it follows, nil for none.
  public var answers: String?
  /// When it was written, milliseconds since 1970.
  public var dateMilliseconds: Int64

  /// Makes a message of its parts.
  public init(
    from: String, recipients: [String], subject: String, text: String, id: String, answers: String? = nil,
    dateMilliseconds: Int64
  ) {
    self.from = from
    self.recipients = recipients
    self.subject = subject
    self.text = text
    self.id = id
    self.answers = answers
    self.dateMilliseconds = dateMilliseconds
  }

  /// Header and body with CRLF line ends.
  ///
  /// Throws `MailError` if a part of the header is empty, too long or more than printable ASCII: whatever could begin a
  /// header of its own never reaches a server.
  public func bytes() throws(MailError) -> [UInt8] {
    var lines = [
      "Date: \(MailDate.text(milliseconds: dateMilliseconds))",
      "From: Keyfold <\(try Self.checked(from, "sender"))>",
    ]
    var addresses: [String] = []
    for recipient in recipients { addresses.append("<\(try Self.checked(recipient, "recipient"))>") }
    // One a line: any number of them fits.
    lines.append("To: " + addresses.joined(separator: ",\r\n "))
    lines.append("Subject: \(try Self.checked(subject, "subject"))")
    lines.append("Message-ID: <\(try Self.checked(id, "message id"))>")
    if let answers {
      lines.append("In-Reply-To: <\(try Self.checked(answers, "message id"))>")
      lines.append("References: <\(answers)>")
    }
    lines += [
      "Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable", "", "",
    ]
    return Array(lines.joined(separator: "\r\n").utf8) + QuotedPrintable.encode(text)
  }

  private static func checked(_ value: String, _ what: String) throws(MailError) -> String {
    guard !value.isEmpty, value.utf8.count <= maximumHeaderLength, value.utf8.allSatisfy({ (0x20..<0x7F).contains($0) })
    else {
      throw MailError(.invalid, "the \(what) is empty, too long, or has characters that no header may have")
    }
    return value
  }
}

/// Text in lines of at most 76 ASCII characters (RFC 2045, section 6.7).
enum QuotedPrintable {
  static let lineLength = 76

  static func encode(_ text: String) -> [UInt8] {
    var encoded: [UInt8] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      append(Array(line.utf8).filter { $0 != UInt8(ascii: "\r") }, to: &encoded)
      encoded += [13, 10]
    }
    return encoded
  }

  private static func append(_ line: [UInt8], to encoded: inout [UInt8]) {
    var length = 0
    for (index, byte) in line.enumerated() {
      let isBlank = byte == UInt8(ascii: " ")
      let isPlain = (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "=")
      let piece = isPlain || (isBlank && index < line.count - 1) ? [byte] : escaped(byte)
      if length + piece.count > lineLength - 1 {
        encoded += [UInt8(ascii: "="), 13, 10]
        length = 0
      }
      encoded += piece
      length += piece.count
    }
  }

  private static func escaped(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return [UInt8(ascii: "="), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
  }
}
