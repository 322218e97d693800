// SPDX-License-Identifier: GPL-3.0-or-later

internal import Glibc
internal import KeyManagement

/// What `ready.json` tells once a local KMS serves.
public struct LocalKMSReady: Sendable, Equatable {
  /// The file's name in the state folder.
  public static let fileName = "ready.json"
  /// The process that serves.
  public let processID: Int
  /// The bound port.
  public let port: Int
  /// The bound port of the metrics, nil if there are none.
  public let metricsPort: Int?
  /// The base URL of the metadata services of machines, without TLS; nil if there are none.
  public let metadataEndpoint: String?
  /// The base URL for the operator, where no fault strikes.
  public let adminEndpoint: String
  /// The base URL for clients.
  public let endpoint: String
  /// The region in key ARNs and signatures.
  public let region: String
  /// The account in key ARNs; Azure's tenant and Google's project are made of it.
  public let accountID: String
  /// The product's version.
  public let version: String

  init(
    _ configuration: LocalKMSConfiguration, port: Int, adminPort: Int, metadataPort: Int?, metricsPort: Int? = nil
  ) {
    self.metricsPort = metricsPort
    adminEndpoint = "https://127.0.0.1:\(adminPort)"
    metadataEndpoint = metadataPort.map { "http://127.0.0.1:\($0)" }
    processID = Int(getpid())
    self.port = port
    let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    endpoint = "https://\(host):\(port)"
    region = configuration.region
    accountID = configuration.accountID
    version = configuration.version
  }

  /// Reads the file of a folder; throws `unreachable` if no local KMS serves it.
  public init(directory: String) throws(LocalKMSError) {
    guard let bytes = try StateDirectory.read("\(directory)/\(Self.fileName)") else {
      throw LocalKMSError(.unreachable, "no local KMS serves \(directory); start it with `keyfold local-kms serve`")
    }
    guard let item = try? JSONReader.read(bytes.span),
      let processID = item.member("pid")?.number(in: bytes.span).flatMap({ Int(exactly: $0) }),
      let port = item.member("ports")?.member("kms")?.number(in: bytes.span).flatMap({ Int(exactly: $0) }),
      let endpoint = item.member("endpoint")?.text(in: bytes.span),
      let region = item.member("region")?.text(in: bytes.span),
      let adminEndpoint = item.member("adminEndpoint")?.text(in: bytes.span),
      let accountID = item.member("account")?.text(in: bytes.span),
      let version = item.member("version")?.text(in: bytes.span)
    else { throw LocalKMSError(.damaged, "\(directory)/\(Self.fileName) is not what a local KMS writes; restart it") }
    self.processID = processID
    self.port = port
    metricsPort = item.member("ports")?.member("metrics")?.number(in: bytes.span).flatMap { Int(exactly: $0) }
    self.endpoint = endpoint
    self.region = region
    self.accountID = accountID
    self.adminEndpoint = adminEndpoint
    metadataEndpoint = item.member("metadataEndpoint")?.text(in: bytes.span)
    self.version = version
  }

  /// The file's contents.
  var encoded: [UInt8] {
    var ports: [JSONValue.Member] = [.init("kms", .integer(Int64(port)))]
    if let metricsPort { ports.append(.init("metrics", .integer(Int64(metricsPort)))) }
    return JSONValue.object([
      .init("pid", .integer(Int64(processID))),
      .init("ports", .object(ports)),
      .init("endpoint", .string(endpoint)),
      .init("adminEndpoint", .string(adminEndpoint)),
      .init("metadataEndpoint", metadataEndpoint.map { .string($0) } ?? .null),
      .init("region", .string(region)),
      .init("account", .string(accountID)),
      .init("version", .string(version)),
    ]).encoded() + [UInt8(ascii: "\n")]
  }
}
