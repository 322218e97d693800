// SPDX-License-Identifier: GPL-3.0-or-later

/// The hash of an audit entry and all before it: SHA-256 (FIPS 180-4); in texts and JSON 64 hexadecimal digits.
public struct AuditHash: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The bytes of a hash.
  public static let byteCount = 32
  /// What stands before the first entry.
  public static let none = AuditHash(checked: [UInt8](repeating: 0, count: byteCount))

  /// The hash, `byteCount` bytes.
  public let bytes: [UInt8]

  private init(checked bytes: [UInt8]) { self.bytes = bytes }

  /// Takes 32 bytes; nil for another number of bytes.
  public init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.byteCount else { return nil }
    self.bytes = bytes
  }

  /// Reads 64 hexadecimal digits in lower case; nil for any other text.
  public init?(text: String) {
    let digits = text.utf8.compactMap { Self.value(of: $0) }
    guard digits.count == text.utf8.count, digits.count == 2 * Self.byteCount else { return nil }
    bytes = stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }

  /// The hash as 64 hexadecimal digits in lower case.
  public var description: String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Decodes the text of `description`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let hash = AuditHash(text: try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "a hash has 64 hexadecimal digits")
    }
    self = hash
  }

  /// Encodes the text of `description`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  private static func value(of digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}

/// Where a chain of audit entries ends: everything up to `sequence`, in one hash.
public struct AuditHead: Sendable, Codable, Hashable, CustomStringConvertible {
  /// The head of an empty chain.
  public static let empty = AuditHead(sequence: 0, hash: .none)

  /// The number of the last entry, 0 for none.
  public var sequence: UInt64
  /// The hash of the last entry.
  public var hash: AuditHash

  /// Makes a head of its parts.
  public init(sequence: UInt64, hash: AuditHash) {
    self.sequence = sequence
    self.hash = hash
  }

  /// Why a record that begins after here and ends at `end` can't be whole, nil if it can: entries go from its beginning
  /// only when `retained` newer ones are there.
  public func removal(before end: AuditHead, retained: UInt64) -> String? {
    guard sequence > 0, end.sequence < sequence || end.sequence - sequence < retained else { return nil }
    return
      "entries 1 to \(sequence) were removed: they go only when \(retained) newer ones are there, and there are fewer"
  }

  /// The entry's number and the first digits of its hash, for people.
  public var description: String { "entry \(sequence) (\(hash.description.prefix(12))…)" }
}

/// One entry in its place in the chain.
public struct AuditLink: Sendable, Codable, Equatable {
  /// Its number; the first is 1, none is left out.
  public var sequence: UInt64
  /// The entry.
  public var entry: AuditEntry
  /// The hash over it and all before it.
  public var hash: AuditHash

  /// Makes a link of its parts.
  public init(sequence: UInt64, entry: AuditEntry, hash: AuditHash) {
    self.sequence = sequence
    self.entry = entry
    self.hash = hash
  }

  /// The chain up to here.
  public var head: AuditHead { AuditHead(sequence: sequence, hash: hash) }
}

/// A node as a witness: the head of the audit chain that it was told of last.
public struct AuditWitness: Sendable, Codable, Equatable {
  /// The node.
  public var node: NodeName
  /// What it was told.
  public var head: AuditHead
  /// Why the chain does not have that head, nil if it has.
  public var contradiction: String?

  /// Makes a witness of its parts.
  public init(node: NodeName, head: AuditHead, contradiction: String? = nil) {
    self.node = node
    self.head = head
    self.contradiction = contradiction
  }
}

/// A part of the audit chain, oldest first, with what is needed to check it.
public struct AuditPage: Sendable, Codable, Equatable {
  /// The most entries of one page.
  public static let maximumLinks = 500

  /// The entries, oldest first.
  public var links: [AuditLink]
  /// What the chain begins after: entries up to here were kept long enough and are gone.
  public var base: AuditHead
  /// Where the whole chain ends.
  public var head: AuditHead
  /// What nodes were told of the chain.
  public var witnesses: [AuditWitness]
  /// How many entries are kept at least; nil from a coordinator that did not say so.
  public var retained: UInt64?

  /// Makes a page of its parts.
  public init(
    links: [AuditLink], base: AuditHead, head: AuditHead, witnesses: [AuditWitness], retained: UInt64? = nil
  ) {
    self.retained = retained
    self.links = links
    self.base = base
    self.head = head
    self.witnesses = witnesses
  }

  /// Why the record's beginning can't have gone by itself, nil if it can, or nobody knows.
  public var removal: String? { retained.flatMap { base.removal(before: head, retained: $0) } }
}
