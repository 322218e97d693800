// SPDX-License-Identifier: GPL-3.0-or-later

public import KeyManagement
public import Metrics
internal import NIOCore

/// How a local KMS runs: where its state is, where it listens, what it calls itself.
public struct LocalKMSConfiguration: Sendable {
  /// The port without a setting.
  public static let defaultPort = 7443
  /// The port of the metrics without a setting.
  public static let defaultMetricsPort = 7462
  /// The folder of keys, credentials, certificates and audit log; made with mode 0700 if it is missing.
  public var directory: String
  /// The address to listen on; another than a loopback address is refused unless `isExposed`.
  public var host: String
  /// The port to listen on, 0 for any free one.
  public var port: Int
  /// The port of the metadata services of machines on 127.0.0.1, 0 for any free one; nil serves none.
  public var metadataPort: Int?
  /// Whether `host` may be an address that other machines reach.
  public var isExposed: Bool
  /// The file with the addresses that may use keys, as `keyfold iplist export --format json` writes it; nil for all.
  public var accessList: String?
  /// Where metrics are shown; nil shows none.
  public var metrics: MetricsAddress?
  /// The region in key ARNs and signatures.
  public var region: String
  /// The twelve digits of the account in key ARNs.
  public var accountID: String
  /// The product's version, for `ready.json`.
  public var version: String
  /// The most connections at a time; more are closed at once.
  public var maximumConnections: Int
  /// How long a connection may go without a complete request, which ends idle and slow clients alike.
  public var requestDeadline: Duration
  /// Where the time of day comes from.
  public var clock: WallClock

  /// Makes a configuration; everything but the folder has a default.
  public init(
    directory: String, host: String = "127.0.0.1", port: Int = Self.defaultPort, region: String = "us-east-1",
    accountID: String = "000000000000", version: String = "", metrics: MetricsAddress? = nil,
    metadataPort: Int? = nil, isExposed: Bool = false, maximumConnections: Int = 256,
    requestDeadline: Duration = .seconds(30), clock: WallClock = .system
  ) {
    self.directory = directory
    self.host = host
    self.port = port
    self.region = region
    self.accountID = accountID
    self.version = version
    self.metrics = metrics
    self.metadataPort = metadataPort
    self.isExposed = isExposed
    self.maximumConnections = maximumConnections
    self.requestDeadline = requestDeadline
    self.clock = clock
  }

  /// Whether only this machine reaches the address.
  public var isLoopback: Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return host == "::1" || (parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil })
  }

  /// Throws what is wrong with the settings.
  func validate() throws(LocalKMSError) {
    guard isLoopback || isExposed else {
      throw LocalKMSError(.settings, "the local KMS listens on a loopback address only, not on \(host)")
    }
    guard (try? SocketAddress(ipAddress: host, port: 0)) != nil, host != "0.0.0.0", host != "::" else {
      throw LocalKMSError(
        .settings,
        "the host '\(AuditEntry.cleaned(host))' is not one address: it has to be an IPv4 or IPv6 address of this "
          + "machine, which the server certificate names and clients use")
    }
    for (name, port) in [("port", port), ("metadata port", metadataPort ?? 0)] where !(0...65_535).contains(port) {
      throw LocalKMSError(.settings, "the \(name) is \(port); it has to be 0 to 65535")
    }
    guard maximumConnections > 0, requestDeadline > .zero, !directory.isEmpty else {
      throw LocalKMSError(.settings, "the local KMS's folder, connections or deadline is out of range")
    }
    guard (try? KeyARN("arn:aws:kms:\(region):\(accountID):key/0")) != nil else {
      throw LocalKMSError(
        .settings,
        "region '\(AuditEntry.cleaned(region))' or account '\(AuditEntry.cleaned(accountID))' cannot stand in a key "
          + "ARN: a region is like us-east-1, an account has twelve digits")
    }
  }
}
