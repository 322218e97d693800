// SPDX-License-Identifier: GPL-3.0-or-later

/// Where a daemon shows its metrics, as its configuration says it.
public struct MetricsAddress: Sendable, Equatable, Decodable {
  /// The address without a setting; there is no authentication, so only this machine is served.
  public static let defaultAddress = "127.0.0.1"

  /// A loopback address, 127.0.0.1 by default.
  public var address: String?
  /// The port; 0 takes any free one.
  public var port: UInt16?

  /// Names an address; nil takes the default.
  public init(address: String? = nil, port: UInt16? = nil) {
    self.address = address
    self.port = port
  }

  /// The address to bind; throws `notLoopback` for one that others could reach.
  public func checked() throws(MetricsError) -> String {
    let address = address ?? Self.defaultAddress
    guard address == "::1" || (address.hasPrefix("127.") && address.split(separator: ".").count == 4) else {
      throw MetricsError(
        .notLoopback,
        "metrics.address is \(address), but metrics are shown to this machine only: use 127.0.0.1 or ::1, and let "
          + "a collector on this machine pass them on")
    }
    return address
  }
}
