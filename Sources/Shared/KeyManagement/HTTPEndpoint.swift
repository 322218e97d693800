// SPDX-License-Identifier: GPL-3.0-or-later

/// Where a service listens: `https://HOST[:PORT]`; a machine's metadata service also `http://`.
package struct HTTPEndpoint: Sendable, Equatable {
  /// The longest URL accepted, in bytes.
  package static let maximumLength = 512

  /// The host as in a `Host` header, with its port unless that is the scheme's own.
  package let authority: String
  /// Whether it speaks TLS.
  package let isSecure: Bool

  /// The URL of its root, with a slash at the end.
  package var url: String { "\(isSecure ? "https" : "http")://\(authority)/" }

  /// The host without its port.
  package var host: String {
    if authority.hasPrefix("[") { return String(authority.prefix { $0 != "]" }) + "]" }
    return String(authority.prefix { $0 != ":" })
  }

  /// A provider's own endpoint, a host that is known to be one.
  package init(known host: String, isSecure: Bool = true) {
    authority = host
    self.isSecure = isSecure
  }

  /// The domain of each of AWS's partitions (botocore's `partitions.json`, `dnsSuffix`).
  static let partitionDomains = [
    "aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com", "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov", "aws-iso-b": "sc2s.sgov.gov", "aws-iso-e": "cloud.adc-e.uk", "aws-iso-f": "csp.hci.ic.gov",
  ]

  /// AWS's own endpoint of a service in a region and partition; throws for a partition whose domain is not known: what
  /// is signed must not go to whoever owns the name that a guess makes.
  package init(service: String = "kms", region: String, partition: String) throws(HTTPFailure) {
    guard let domain = Self.partitionDomains[partition] else {
      throw HTTPFailure(
        .invalidSettings, "where AWS's partition \(partition) has its \(service) endpoint is not known; name it")
    }
    self.init(known: "\(service).\(region).\(domain)")
  }

  /// Parses a base URL; throws with what is wrong with it. Plain HTTP is refused unless it is allowed: it would show
  /// keys to the network.
  package init(_ text: String, allowingPlain: Bool = false) throws(HTTPFailure) {
    guard text.utf8.count <= Self.maximumLength else { throw Self.fault("it is too long") }
    isSecure = !(allowingPlain && text.hasPrefix("http://"))
    let scheme = isSecure ? "https://" : "http://"
    guard text.hasPrefix(scheme) else { throw Self.fault("it must begin with https://, anything else is refused") }
    var rest = text.dropFirst(scheme.count)
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    let (host, port) = try Self.split(rest)
    guard !host.isEmpty, host.utf8.allSatisfy(Self.isHostByte) else { throw Self.fault("its host is not valid") }
    guard let port else {
      authority = String(host).lowercased()
      return
    }
    guard let number = UInt16(port), number > 0 else { throw Self.fault("its port is not valid") }
    authority = String(host).lowercased() + (number == (isSecure ? 443 : 80) ? "" : ":\(number)")
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
