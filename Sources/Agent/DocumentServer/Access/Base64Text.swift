// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation

/// Bytes as base64 with padding (RFC 4648, section 4).
enum Base64Text {
  static func of(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
}
