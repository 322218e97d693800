// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import DaemonRuntime
public import Metrics

/// An agent's settings, from its configuration file.
public struct AgentConfiguration: DaemonConfiguration {
  /// The keys of the file.
  public static let keys = [
    "node", "data", "identity", "coordinator.address", "coordinator.publicKey", "drivers.address", "drivers.port",
    "drivers.advertise", "drivers.tls.mode", "drivers.tls.certificateFile", "drivers.tls.keyFile", "drivers.tls.caFile",
    "replication.address", "replication.port", "replication.advertise", "replication.sourceAddress", "cacheMegabytes",
    "secureHeapKilobytes", "checkpointSeconds", "oplogMegabytes", "oplogMinimumHours", "oplogMaximumMegabytes",
    "copyCheckpointMegabytes", "scrubMegabytesPerSecond", "scrubHours", "kmsSourceAddress", "outboundAddresses",
    "metrics.address", "metrics.port", "logLevel",
  ]

  /// Where the coordinator is and which key it has.
  public struct Coordinator: Decodable, Sendable {
    /// `host:port`.
    public var address: String
    /// Its CURVE public key in Z85.
    public var publicKey: String
  }

  /// How members of the shard reach this node, and it them.
  public struct Replication: Decodable, Sendable {
    /// The address to listen on, 127.0.0.1 by default.
    public var address: String?
    /// The port to listen on; 0 takes any free one.
    public var port: UInt16?
    /// `host:port` that the other members are told to connect to, where it is not what this node listens on: behind
    /// address translation, a forwarded port, a proxy.
    public var advertise: String?
    /// The address of this machine that connections to the other members come from, nil for the system's choice.
    public var sourceAddress: String?
  }

  /// Where drivers connect and how.
  public struct Drivers: Decodable, Sendable {
    /// The address to listen on, 127.0.0.1 by default; one that others can reach is bound once there is a user.
    public var address: String?
    /// The port; 0 takes any free one.
    public var port: UInt16?
    /// The host name drivers are told to connect to, the address by default; it has to stand in the certificate.
    public var advertise: String?
    /// TLS; none by default.
    public var tls: TLS?
  }

  /// TLS for drivers, with files in PEM.
  public struct TLS: Decodable, Sendable {
    /// Whether drivers may or have to speak it; required by default.
    public var mode: DriverTLSMode?
    /// The certificate with its chain.
    public var certificateFile: String
    /// Its private key, mode 600.
    public var keyFile: String
    /// An authority; if it is set, every driver has to show a certificate of it.
    public var caFile: String?
  }

  /// The node's name, as enrolled.
  public var node: NodeName
  /// The data directory; `--data` wins over it.
  public var data: String?
  /// The file of the node's CURVE secret key, outside the data directory.
  public var identity: String
  /// The coordinator.
  public var coordinator: Coordinator
  /// Where drivers connect.
  public var drivers: Drivers?
  /// Where other members connect.
  public var replication: Replication?
  /// Where metrics are shown; loopback only.
  public var metrics: MetricsAddress?
  /// Memory for pages of the storage engine, in MiB; 256 by default.
  public var cacheMegabytes: Int?
  /// Locked memory for keys, in KiB; 4096 by default.
  public var secureHeapKilobytes: Int?
  /// Seconds between two checkpoints; 60 by default.
  public var checkpointSeconds: Int?
  /// The oplog's size in MiB up to which everything stays; 1024 by default.
  public var oplogMegabytes: Int?
  /// How many hours old an entry has to be before it may go, even if the oplog is larger; 24 by default, 0 for none.
  public var oplogMinimumHours: Double?
  /// The oplog's size in MiB above which entries go whatever their age; ten times `oplogMegabytes` by default.
  public var oplogMaximumMegabytes: Int?
  /// How much of an initial sync, in MiB, a crash can cost: what lies between two checkpoints of it; 512 by default.
  public var copyCheckpointMegabytes: Int?
  /// How many MiB of rows are read in a second to find damage; 4 by default, 0 for none.
  public var scrubMegabytesPerSecond: Double?
  /// The hours from the beginning of one reading of all tables to that of the next; 168 by default.
  public var scrubHours: Double?
  /// The address of this machine that calls to the KMS come from, nil for the system's choice.
  public var kmsSourceAddress: String?
  /// The addresses or ranges that the KMS sees this node's calls come from, where that is not what this machine knows:
  /// behind address translation. They stand in the IP list; nil for `kmsSourceAddress`, else for what can be seen.
  public var outboundAddresses: [String]?
  /// The least severe messages logged; info by default.
  public var logLevel: String?

  /// Drivers connect here unless told otherwise.
  public static let defaultDriverPort: UInt16 = 27117
  /// Members connect here unless told otherwise.
  public static let defaultReplicationPort: UInt16 = 7450
  /// Metrics are shown here unless told otherwise.
  public static let defaultMetricsPort: UInt16 = 7461
}
