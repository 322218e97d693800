// SPDX-License-Identifier: GPL-3.0-or-later

extension KMSSettings {
  /// The most ranges that settings may name.
  public static let maximumPrivateRanges = 32

  /// Checks the private ranges; throws `ModelError` that names the rule.
  func validatePrivateRanges() throws(ModelError) {
    guard let privateRanges else { return }
    func fault(_ rule: String) -> ModelError {
      ModelError(.invalidSettings, "KMS setting 'private range' \(rule).")
    }
    guard !privateRanges.isEmpty else { throw fault("is missing: private networking needs one or more") }
    guard privateRanges.count <= Self.maximumPrivateRanges else {
      throw fault("may be given at most \(Self.maximumPrivateRanges) times")
    }
    guard !privateRanges.contains(where: \.isEverything) else { throw fault("may not be every address there is") }
  }
}

/// What private networking is required of a project's KMS, as an operator sees it.
public struct PrivateNetworkView: Sendable, Codable, Equatable {
  /// The declared ranges, in CIDR notation.
  public var ranges: [IPRange]
  /// The hosts that were looked up, as the coordinator saw them last; empty before the first request of its life.
  public var endpoints: [KMSEndpointView]

  /// Makes a view of its parts.
  public init(ranges: [IPRange], endpoints: [KMSEndpointView] = []) {
    self.ranges = ranges
    self.endpoints = endpoints
  }
}

/// A host that is asked for keys or credentials, and its addresses.
public struct KMSEndpointView: Sendable, Codable, Equatable {
  /// The host's name, or its address.
  public var host: String
  /// Its addresses when they were looked up last.
  public var addresses: [IPAddress]
  /// Those of them outside the declared ranges: as long as there is one, nothing is sent.
  public var outside: [IPAddress]

  /// Makes a view of its parts.
  public init(host: String, addresses: [IPAddress], outside: [IPAddress]) {
    self.host = host
    self.addresses = addresses
    self.outside = outside
  }
}

extension IPAddress: Codable {
  /// Decodes an address as it is written.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let address = IPAddress(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "It is no IP address.")
    }
    self = address
  }

  /// Encodes the address in its canonical form.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
