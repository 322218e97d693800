// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import MailSink

extension TestCluster {
  static let mailPassword = "correct horse"

  /// Lets the coordinator send its mail to a server of the test, with a password and over TLS.
  func useMail(_ sink: MailSink) throws {
    let (password, authority) = (root + "/mail.secret", root + "/mail.pem")
    try Data(Self.mailPassword.utf8).write(to: URL(fileURLWithPath: password))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: password)
    try Data(sink.authority.utf8).write(to: URL(fileURLWithPath: authority))
    try operate(
      "mail", "set", "--server", "localhost:\(sink.port)", "--from", "keyfold@example.org", "--user", "keyfold",
      "--password-file", password, "--ca-file", authority)
    try operate("project", "owners", Self.project, "--owner", "owner@example.org")
  }
}
