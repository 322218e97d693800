// SPDX-License-Identifier: GPL-3.0-or-later
import Testing

@testable import Mail

@Suite("A mail is plain text that no part of it can turn into something else")
struct MailMessageTests {
  private func message() -> MailMessage {
    MailMessage(
      from: "keyfold@example.org", recipients: ["a@example.org", "b@example.org"], subject: "The key is gone",
      text: "Grüße\n.\nend = now ", id: "1.revoked@keyfold.invalid", answers: "0@keyfold.invalid",
      dateMilliseconds: 1_790_000_000_000)
  }

  @Test("is written with all it needs")
  func golden() throws {
    #expect(
      String(decoding: try message().bytes(), as: UTF8.self) == """
        Date: Mon, 21 Sep 2026 14:13:20 +0000\r
        From: Keyfold <keyfold@example.org>\r
        To: <a@example.org>,\r
         <b@example.org>\r
        Subject: The key is gone\r
        Message-ID: <1.revoked@keyfold.invalid>\r
        In-Reply-To: <0@keyfold.invalid>\r
        References: <0@keyfold.invalid>\r
        Auto-Submitted: auto-generated\r
        MIME-Version: 1.0\r
        Content-Type: text/plain; charset=utf-8\r
        Content-Transfer-Encoding: quoted-printable\r
        \r
        Gr=C3=BC=C3=9Fe\r
        .\r
        end =3D now=20\r

        """)
  }

  @Test(
    "refuses line ends, control characters and more than ASCII in every part of the header",
    arguments: [
      "a\r\nBcc: x@y.z", "a\nb", "a\u{0}b", "a\u{7F}", "ä", "", String(repeating: "a", count: 901),
    ])
  func injection(text: String) {
    for change in [
      { $0.from = text }, { $0.recipients = ["a@b.c", text] }, { $0.subject = text }, { $0.id = text },
      { $0.answers = text },
    ] as [(inout MailMessage) -> Void] {
      var message = message()
      change(&message)
      #expect(throws: MailError.self) { try message.bytes() }
    }
  }

  @Test("breaks long lines, and loses no byte of any text")
  func longLines() {
    let text = String(repeating: "0123456789=ß ", count: 200)
    let encoded = String(decoding: QuotedPrintable.encode(text), as: UTF8.self)
    let lines = encoded.split(separator: "\r\n").map(String.init)
    #expect(lines.allSatisfy { $0.utf8.count <= QuotedPrintable.lineLength })
    var bytes: [UInt8] = []
    var rest = Array(encoded.replacing("=\r\n", with: "").utf8).dropLast(2)
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "=") {
        bytes.append(UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) ?? 0)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    #expect(String(decoding: bytes, as: UTF8.self) == text)
  }
}
