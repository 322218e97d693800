// SPDX-License-Identifier: GPL-3.0-or-later

/// Addresses with a common beginning: `192.0.2.0/24`, `2001:db8::/48`; a single address is one with all of its bits.
public struct IPRange: Sendable, Hashable, Comparable, CustomStringConvertible {
  /// The first address.
  public let address: IPAddress
  /// How many leading bits all have in common: up to 32 for IPv4, 128 for IPv6.
  public let prefix: Int

  /// The range of one address.
  public init(_ address: IPAddress) {
    self.address = address
    prefix = address.bytes.count * 8
  }

  /// Reads an address or a range in CIDR notation; throws `IPRangeError`, which says what is wrong with it.
  public init(_ text: String) throws(IPRangeError) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let address = IPAddress(String(first)) else { throw .noAddress }
    guard parts.count == 2 else {
      self.init(address)
      return
    }
    // `::ffff:192.0.2.0/120` would have to lose 96 bits of its prefix: nobody writes that on purpose.
    guard address.isIPv6 || !first.utf8.contains(UInt8(ascii: ":")) else { throw .noAddress }
    let bits = address.bytes.count * 8
    guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), parts[1].count == 1 || parts[1].first != "0",
      let prefix = Int(parts[1]), prefix <= bits
    else { throw .badPrefix(bits: bits) }
    let start = Self.masked(address, prefix)
    guard start == address else {
      throw .hostBits(network: IPRange(start, prefix), alone: IPRange(address))
    }
    self.init(address, prefix)
  }

  private init(_ address: IPAddress, _ prefix: Int) {
    self.address = address
    self.prefix = prefix
  }

  /// Whether an address lies in it.
  public func contains(_ other: IPAddress) -> Bool {
    other.bytes.count == address.bytes.count && Self.masked(other, prefix) == address
  }

  /// Whether it holds every address of its kind: `0.0.0.0/0`, `::/0`.
  public var isEverything: Bool { prefix == 0 }

  /// Whether it is wider than what one node's calls can be expected to come from: than a /16 of IPv4, a /32 of IPv6.
  public var isTooWideForNode: Bool { prefix < (address.isIPv6 ? 32 : 16) }

  /// Whether it is a single address.
  public var isSingle: Bool { prefix == address.bytes.count * 8 }

  /// By address, then the larger range first.
  public static func < (left: IPRange, right: IPRange) -> Bool {
    left.address == right.address ? left.prefix < right.prefix : left.address < right.address
  }

  /// CIDR notation, also of a single address: `192.0.2.1/32`.
  public var description: String { "\(address)/\(prefix)" }

  private static func masked(_ address: IPAddress, _ prefix: Int) -> IPAddress {
    let bytes = address.bytes.enumerated().map { index, byte in
      let kept = min(8, max(0, prefix - index * 8))
      return kept == 8 ? byte : byte & ~(0xFF >> UInt8(kept))
    }
    return IPAddress(bytes: bytes) ?? address
  }
}

extension IPRange: Codable {
  /// Decodes CIDR notation.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    do { self = try IPRange(text) } catch {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
    }
  }

  /// Encodes CIDR notation.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// What is wrong with a text that should be an address or a range.
public enum IPRangeError: Error, Sendable, Equatable, CustomStringConvertible {
  /// It does not begin with an IPv4 or IPv6 address.
  case noAddress
  /// What stands behind the slash is no number up to `bits`.
  case badPrefix(bits: Int)
  /// Bits behind the prefix are set: either of these may be meant.
  case hostBits(network: IPRange, alone: IPRange)

  /// What is wrong, one sentence.
  public var description: String {
    switch self {
    case .noAddress:
      "It has to be an IPv4 or IPv6 address, or a range in CIDR notation such as 192.0.2.0/24 or 2001:db8::/48."
    case .badPrefix(let bits): "The prefix behind the slash has to be a number from 0 to \(bits)."
    case .hostBits(let network, let alone):
      "It has bits set behind the prefix: the network is \(network), the one address \(alone)."
    }
  }
}
