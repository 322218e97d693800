// SPDX-License-Identifier: GPL-3.0-or-later

/// Where an AWS service, or a server that speaks its protocol, listens: `https://HOST[:PORT]`.
package struct AWSEndpoint: Sendable, Equatable {
  /// The longest URL accepted, in bytes.
  package static let maximumLength = 512

  /// The host as in a `Host` header, with its port unless that is 443.
  package let authority: String

  /// The URL every request goes to.
  package var url: String { "https://\(authority)/" }

  /// AWS's own KMS endpoint of a region and partition.
  package init(region: String, partition: String) {
    authority = "kms.\(region).amazonaws.com" + (partition == "aws-cn" ? ".cn" : "")
  }

  /// Parses a base URL; throws with what is wrong with it. Plain HTTP is refused: it would show keys to the network.
  package init(_ text: String) throws(HTTPFailure) {
    guard text.utf8.count <= Self.maximumLength else { throw Self.fault("it is too long") }
    guard text.hasPrefix("https://") else { throw Self.fault("it must begin with https://, anything else is refused") }
    var rest = text.dropFirst("https://".count)
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    let (host, port) = try Self.split(rest)
    guard !host.isEmpty, host.utf8.allSatisfy(Self.isHostByte) else { throw Self.fault("its host is not valid") }
    guard let port else {
      authority = String(host).lowercased()
      return
    }
    guard let number = UInt16(port), number > 0 else { throw Self.fault("its port is not valid") }
    authority = String(host).lowercased() + (number == 443 ? "" : ":\(number)")
  }

  /// Host and port; an IPv6 address stands in brackets.
  private static func split(_ text: Substring) throws(HTTPFailure) -> (host: Substring, port: Substring?) {
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { throw fault("its IPv6 address has no end") }
      let host = text[...end]
      let rest = text[text.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { throw fault("text follows its IPv6 address") }
      return (host, rest.isEmpty ? nil : rest.dropFirst())
    }
    guard let colon = text.firstIndex(of: ":") else { return (text, nil) }
    return (text[..<colon], text[text.index(after: colon)...])
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "["),
      UInt8(ascii: "]"), UInt8(ascii: ":"):
      true
    default: false
    }
  }

  private static func fault(_ reason: String) -> HTTPFailure {
    HTTPFailure(.invalidSettings, "the KMS endpoint cannot be used: \(reason)")
  }
}
