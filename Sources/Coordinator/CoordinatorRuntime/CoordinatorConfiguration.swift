// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
public import DaemonRuntime
public import Metrics

/// How a coordinator runs; every key of its configuration file, and the command line's `--data` and `--listen` over it.
public struct CoordinatorConfiguration: DaemonConfiguration, Equatable {
  /// Every key of the file.
  public static let keys = [
    "data", "listen", "rootKeyFile", "controlPlane", "kmsTimeoutSeconds", "metrics.address", "metrics.port", "logLevel",
  ]
  /// Where it listens without a setting.
  public static let defaultListen = "127.0.0.1:7440"
  /// Metrics are shown here without a setting.
  public static let defaultMetricsPort: UInt16 = 7460

  /// The data directory.
  public var data: String
  /// Where it listens, `host:port`; port 0 takes a free one.
  public var listen: String
  /// The file with the root key that seals KMS secrets, for instance a systemd credential; nil for `DATA/root.key`.
  public var rootKeyFile: String?
  /// The control plane's addresses as they stand in the IP list, see `ControlPlaneAddress`; empty for the one it
  /// listens on.
  public var controlPlane: [String]
  /// How long one call to a KMS may take, in seconds.
  public var kmsTimeoutSeconds: Int
  /// Where metrics are shown; loopback only.
  public var metrics: MetricsAddress?
  /// The level below which nothing is logged: trace, debug, info, notice, warning, error or critical.
  public var logLevel: String

  /// Makes a configuration with defaults for all but the data directory.
  public init(data: String, listen: String = Self.defaultListen) {
    self.data = data
    self.listen = listen
    controlPlane = []
    kmsTimeoutSeconds = 10
    logLevel = "info"
  }

  private enum CodingKeys: String, CodingKey {
    case data, listen, rootKeyFile, controlPlane, kmsTimeoutSeconds, metrics, logLevel
  }

  /// Reads what the file says and takes defaults for the rest.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    self.init(
      data: try container.decodeIfPresent(String.self, forKey: .data) ?? "",
      listen: try container.decodeIfPresent(String.self, forKey: .listen) ?? Self.defaultListen)
    rootKeyFile = try container.decodeIfPresent(String.self, forKey: .rootKeyFile)
    controlPlane = try container.decodeIfPresent([String].self, forKey: .controlPlane) ?? []
    kmsTimeoutSeconds = try container.decodeIfPresent(Int.self, forKey: .kmsTimeoutSeconds) ?? kmsTimeoutSeconds
    metrics = try container.decodeIfPresent(MetricsAddress.self, forKey: .metrics)
    logLevel = try container.decodeIfPresent(String.self, forKey: .logLevel) ?? logLevel
  }

  /// Throws what is wrong with the values; answers host and port of `listen`.
  @discardableResult
  public func check() throws(ConfigurationError) -> (host: String, port: UInt16) {
    guard !data.isEmpty else {
      throw ConfigurationError(.invalidValue, "no data directory is set; name one with --data DIR or the key 'data'")
    }
    if let wrong = controlPlane.first(where: { ControlPlaneAddress($0) == nil }) {
      throw ConfigurationError(
        .invalidValue,
        "'controlPlane' has '\(Spelling.printable(wrong))'; each has to be an address, a range or a host name, or "
          + "PROVIDER/REGION/ADDRESS such as aws/us-east-1/203.0.113.7")
    }
    guard (1...120).contains(kmsTimeoutSeconds) else {
      throw ConfigurationError(.invalidValue, "'kmsTimeoutSeconds' is \(kmsTimeoutSeconds); it has to be 1 to 120")
    }
    guard let colon = listen.lastIndex(of: ":"), let port = UInt16(listen[listen.index(after: colon)...]),
      colon > listen.startIndex
    else {
      throw ConfigurationError(
        .invalidValue,
        "the address to listen on is '\(Spelling.printable(listen))'; it has to be HOST:PORT, "
          + "such as \(Self.defaultListen)"
      )
    }
    return (String(listen[..<colon]), port)
  }
}
