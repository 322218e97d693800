// SPDX-License-Identifier: GPL-3.0-or-later

/// One IPv4 or IPv6 address. An IPv4 address inside IPv6 (`::ffff:192.0.2.1`, RFC 4291 section 2.5.5.2) is the IPv4
/// address: a socket that takes both shows the same peer either way.
public struct IPAddress: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// Four or sixteen bytes, the most significant first.
  public let bytes: [UInt8]

  /// Takes four or sixteen bytes; nil for any other number.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    let mapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
    self.bytes = mapped ? Array(bytes[12...]) : bytes
  }

  /// Reads an address as it is written, without port, brackets or zone; nil for anything else, host names too.
  ///
  /// IPv4 is four decimal numbers without leading zeros: `010` means eight to some readers and ten to others.
  public init?(_ text: String) {
    guard text.utf8.count <= 45 else { return nil }
    guard let bytes = text.utf8.contains(UInt8(ascii: ":")) ? Self.sixteen(text) : Self.four(text[...]) else {
      return nil
    }
    self.init(bytes: bytes)
  }

  /// Whether it is IPv6.
  public var isIPv6: Bool { bytes.count == 16 }

  /// Whether it is one that `localhost` stands for: 127.0.0.1 or ::1.
  public var isLocalhost: Bool {
    isIPv6 ? bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] == 1 : bytes == [127, 0, 0, 1]
  }

  /// IPv4 before IPv6, then by number.
  public static func < (left: IPAddress, right: IPAddress) -> Bool {
    left.bytes.count == right.bytes.count
      ? left.bytes.lexicographicallyPrecedes(right.bytes) : left.bytes.count < right.bytes.count
  }

  /// The address in its one canonical form (RFC 5952 for IPv6).
  public var description: String {
    guard isIPv6 else { return bytes.map { String($0) }.joined(separator: ".") }
    let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    let texts = groups.map { String($0, radix: 16) }
    guard let gap = Self.longestGap(groups) else { return texts.joined(separator: ":") }
    return texts[..<gap.lowerBound].joined(separator: ":") + "::" + texts[gap.upperBound...].joined(separator: ":")
  }

  /// The first of the longest runs of at least two groups that are zero.
  private static func longestGap(_ groups: [UInt16]) -> Range<Int>? {
    var best: Range<Int>?
    var start = 0
    while start < groups.count {
      guard groups[start] == 0 else {
        start += 1
        continue
      }
      let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
      if end - start > max(1, best?.count ?? 0) { best = start..<end }
      start = end
    }
    return best
  }

  private static func four(_ text: Substring) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bytes: [UInt8] = []
    for part in parts {
      guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), part.count == 1 || part.first != "0",
        let byte = UInt8(part)
      else { return nil }
      bytes.append(byte)
    }
    return bytes
  }

  private static func sixteen(_ text: String) -> [UInt8]? {
    let halves = text.components(separatedByGap: "::")
    guard halves.count <= 2, let head = groups(halves[0], mayEndInFour: halves.count == 1) else { return nil }
    guard halves.count == 2 else { return head.count == 16 ? head : nil }
    // The gap stands for at least one group.
    guard let tail = groups(halves[1], mayEndInFour: true), head.count + tail.count <= 14 else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  private static func groups(_ text: Substring, mayEndInFour: Bool) -> [UInt8]? {
    if text.isEmpty { return [] }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    var bytes: [UInt8] = []
    for (index, part) in parts.enumerated() {
      if index == parts.count - 1, mayEndInFour, part.utf8.contains(UInt8(ascii: ".")) {
        guard let four = four(part) else { return nil }
        bytes += four
      } else {
        guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ isHex($0) }),
          let group = UInt16(part, radix: 16)
        else { return nil }
        bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
      }
    }
    return bytes
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }
}

extension String {
  /// The parts around each `::`.
  fileprivate func components(separatedByGap gap: String) -> [Substring] {
    var parts: [Substring] = []
    var rest = self[...]
    while let colons = rest.firstRange(of: gap) {
      parts.append(rest[..<colons.lowerBound])
      rest = rest[colons.upperBound...]
    }
    return parts + [rest]
  }
}
