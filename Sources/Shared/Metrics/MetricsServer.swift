// SPDX-License-Identifier: GPL-3.0-or-later
public import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// Shows a registry over HTTP on a loopback port: `GET /metrics`, one request a connection, everything bounded.
public final class MetricsServer: Sendable {
  /// What one connection may send, in bytes; a scrape sends a few hundred.
  static let maximumRequestBytes = 8 << 10
  /// How long a connection may last in all.
  static let connectionSeconds: Int64 = 10
  /// How many connections there may be; one more is closed at once.
  static let maximumConnections = 16

  private let registry: MetricsRegistry
  private let logger: Logger
  private let connectionSeconds: Int64
  private let listener = Mutex<(any Channel)?>(nil)
  private let connections = Mutex<[ObjectIdentifier: any Channel]>([:])

  /// Makes a server; nothing is bound before `start`.
  public convenience init(_ registry: MetricsRegistry, logger: Logger) {
    self.init(registry, logger: logger, connectionSeconds: Self.connectionSeconds)
  }

  init(_ registry: MetricsRegistry, logger: Logger, connectionSeconds: Int64) {
    self.registry = registry
    self.logger = logger
    self.connectionSeconds = connectionSeconds
  }

  /// How many connections are open.
  var openConnections: Int { connections.withLock { $0.count } }

  /// Binds and serves; answers the port. Throws `MetricsError`.
  public func start(_ setting: MetricsAddress?, defaultPort: UInt16) async throws(MetricsError) -> Int {
    let setting = setting ?? MetricsAddress()
    let host = try setting.checked()
    let port = Int(setting.port ?? defaultPort)
    do {
      let channel = try await bind(try SocketAddress(ipAddress: host, port: port))
      listener.withLock { $0 = channel }
      let bound = channel.localAddress?.port ?? port
      logger.info("shows metrics", metadata: ["address": "\(host)", "port": "\(bound)"])
      return bound
    } catch {
      throw MetricsError(
        .cannotBind, "metrics can't be shown on \(host):\(port): \(error); is the port taken? Set metrics.port",
        underlying: error)
    }
  }

  /// Does as `start` does, but a taken port only costs the metrics: the error is logged and the answer nil.
  ///
  /// A database that serves without being watched is better than one that does not serve. Throws `notLoopback`.
  public func startIfPossible(_ setting: MetricsAddress?, defaultPort: UInt16) async throws(MetricsError) -> Int? {
    do { return try await start(setting, defaultPort: defaultPort) } catch {
      guard error.code == .cannotBind else { throw error }
      logger.error("no metrics", metadata: ["reason": "\(error)"])
      return nil
    }
  }

  /// Ends it; harmless if it never began.
  public func stop() {
    listener.withLock { $0.take() }?.close(promise: nil)
    for channel in connections.withLock({ Array($0.values) }) { channel.close(promise: nil) }
  }

  private func bind(_ address: SocketAddress) async throws -> any Channel {
    try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .serverChannelOption(.backlog, value: 16)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { [self] channel in
        guard admit(channel) else { return channel.close() }
        return channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(ConnectionLimit(bytes: Self.maximumRequestBytes, seconds: connectionSeconds))
          try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
          try pipeline.addHandler(MetricsRequestHandler(registry))
        }
      }
      .bind(to: address).get()
  }

  private func admit(_ channel: any Channel) -> Bool {
    let id = ObjectIdentifier(channel)
    let isAdmitted = connections.withLock { connections in
      guard connections.count < Self.maximumConnections else { return false }
      connections[id] = channel
      return true
    }
    if isAdmitted {
      channel.closeFuture.whenComplete { [weak self] _ in self?.forget(id) }
    }
    return isAdmitted
  }

  private func forget(_ id: ObjectIdentifier) { connections.withLock { _ = $0.removeValue(forKey: id) } }
}
