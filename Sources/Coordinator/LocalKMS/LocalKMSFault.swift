// SPDX-License-Identifier: GPL-3.0-or-later

/// A fault that an operator sets to rehearse a bad day.
///
/// It ends with its count, its time, `clear` or the process: faults are never written to disk, so that a restart always
/// ends a rehearsal.
public struct LocalKMSFault: Sendable, Equatable {
  /// What goes wrong.
  public enum Kind: String, Sendable, CaseIterable {
    /// Every answer is late by `value` milliseconds.
    case latency
    /// Nothing is ever answered.
    case timeout
    /// The connection is reset once the request is there.
    case reset
    /// HTTP `value` (500 to 599) in the dialect's shape.
    case error
    /// Too many requests, with a Retry-After of `value` seconds.
    case throttle
    /// A server certificate that the authority did not sign.
    case wrongCertificate = "wrong-certificate"
    /// The server's clock is wrong by `value` seconds, in its Date header and for signatures and tokens.
    case clockSkew = "clock-skew"
    /// A success whose body makes no sense.
    case garbage
    /// A firewall's refusal, in the dialect's shape.
    case deny
  }

  /// The number that `clear` takes; given by the server.
  public var number = 0
  /// What goes wrong.
  public var kind: Kind
  /// How much; the meaning is the kind's.
  public var value: Int
  /// `aws`, `azure`, `google`, `tokens` or `metadata`; nil for all.
  public var dialect: String?
  /// The address, or IPv4 range `A.B.C.D/N`, of the callers it is for; nil for all.
  public var client: String?
  /// The region of AWS that the requests it is for are signed for; nil for all requests, signed or not.
  public var region: String?
  /// For how many more requests (connections, for the certificate); nil without limit.
  public var remaining: Int?
  /// When it ends, seconds since 1970; nil without limit.
  public var endSeconds: Int64?

  /// The words a fault's dialect may be.
  public static let dialects = ["aws", "azure", "google", "tokens", "metadata"]

  /// Makes a fault; the limits are checked by the server.
  public init(
    _ kind: Kind, value: Int = 0, dialect: String? = nil, client: String? = nil, region: String? = nil,
    count: Int? = nil
  ) {
    self.kind = kind
    self.value = value
    self.dialect = dialect
    self.client = client
    self.region = region
    remaining = count
  }

  /// What is wrong with the fault; nil if it can be set.
  var problem: String? {
    let range: ClosedRange<Int> =
      switch kind {
      case .latency: 1...600_000
      case .error: 500...599
      case .throttle: 0...86_400
      case .clockSkew: -31_536_000...31_536_000
      default: 0...0
      }
    guard range.contains(value) else {
      return "the value of \(kind.rawValue) must be between \(range.lowerBound) and \(range.upperBound)"
    }
    guard dialect.map({ Self.dialects.contains($0) }) ?? true else {
      return "the dialect must be one of \(Self.dialects.joined(separator: ", "))"
    }
    guard kind != .wrongCertificate || dialect == nil else {
      return "a certificate is shown before a dialect is spoken"
    }
    guard region == nil || (kind != .wrongCertificate && [nil, "aws", "tokens"].contains(dialect)) else {
      return "only requests of AWS's dialect name a region"
    }
    guard client.map({ AddressRange($0) != nil }) ?? true else { return "the client must be an address or A.B.C.D/N" }
    guard remaining.map({ (1...1_000_000_000).contains($0) }) ?? true else { return "the count must be at least 1" }
    return nil
  }
}

/// An address, or a range of IPv4 addresses.
struct AddressRange: Equatable {
  private let text: String
  private let network: UInt32?
  private let mask: UInt32

  /// Reads `A.B.C.D/N` or an address of either family.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    self.text = text
    if let address = Self.number(parts[0]), parts.count <= 2 {
      guard let bits = parts.count == 2 ? Int(parts[1]) : 32, (0...32).contains(bits) else { return nil }
      mask = bits == 0 ? 0 : ~UInt32(0) << UInt32(32 - bits)
      network = address & mask
    } else {
      guard parts.count == 1, text.contains(":"), text.utf8.count <= 45 else { return nil }
      (network, mask) = (nil, 0)
    }
  }

  /// Whether an address is in it.
  func contains(_ address: String) -> Bool {
    if let network { return Self.number(address).map { $0 & mask == network } ?? false }
    return address == text
  }

  private static func number(_ text: String) -> UInt32? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let bytes = parts.compactMap { UInt8($0) }
    return parts.count == 4 && bytes.count == 4 ? bytes.reduce(0) { $0 << 8 | UInt32($1) } : nil
  }
}
