// SPDX-License-Identifier: GPL-3.0-or-later
import NIOCore
import NIOPosix

/// What one node says to another, on whichever connection.
struct LinkFlow: Hashable, Sendable {
  let from: String
  let to: String
}

/// What happens to the bytes of a flow.
enum LinkState: Sendable, Equatable {
  case open
  /// They wait, as behind a network that loses every packet; they arrive once the flow is open again.
  case held
  case slow(Duration)
}

/// Stands between the nodes: each is told to connect to a proxy instead of to the others, and comes from an address of
/// its own, by which the proxy tells who it is. Everything happens on one event loop.
final class LinkProxies: @unchecked Sendable {
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let names: [String]
  private let targets: [String: Int]
  private var listeners: [String: any Channel] = [:]
  private var states: [LinkFlow: LinkState] = [:]
  private var relays: [ObjectIdentifier: Relay] = [:]

  init(nodes: [String], ports: [String: Int]) throws {
    names = nodes
    targets = ports
    for name in nodes {
      listeners[name] = try ServerBootstrap(group: group)
        .childChannelOption(.autoRead, value: false)
        .childChannelInitializer { [weak self] channel in
          channel.eventLoop.makeCompletedFuture { try self?.accept(channel, to: name) }
        }
        .bind(host: "127.0.0.1", port: 0).wait()
    }
  }

  /// What a node's configuration says of its replication port.
  func settings(of node: String) -> [String: Any] {
    ["advertise": "127.0.0.1:\(listeners[node]?.localAddress?.port ?? 0)", "sourceAddress": address(of: node)]
  }

  func set(_ flow: LinkFlow, _ state: LinkState) {
    group.any().execute {
      self.states[flow] = state
      for relay in Array(self.relays.values) where relay.flow == flow { relay.drain() }
    }
  }

  /// Breaks every connection between two nodes.
  func reset(_ one: String, _ other: String) {
    group.any().execute {
      let broken = self.relays.values.filter { Set([$0.flow.from, $0.flow.to]) == [one, other] }
      for relay in broken { relay.channel?.close(promise: nil) }
    }
  }

  func close() { group.shutdownGracefully { _ in } }

  fileprivate func state(of flow: LinkFlow) -> LinkState { states[flow] ?? .open }

  /// An address of the loopback network for each node.
  private func address(of node: String) -> String { "127.0.0.\(11 + (names.firstIndex(of: node) ?? 0))" }

  private func accept(_ inbound: any Channel, to target: String) throws {
    guard let from = names.first(where: { address(of: $0) == inbound.remoteAddress?.ipAddress }) else {
      throw TestFailure("a connection to \(target) comes from \(inbound.remoteAddress.map { "\($0)" } ?? "nowhere")")
    }
    let there = Relay(self, LinkFlow(from: from, to: target), channel: inbound)
    let back = Relay(self, LinkFlow(from: target, to: from), channel: nil)
    try inbound.pipeline.syncOperations.addHandler(there)
    relays[ObjectIdentifier(there)] = there
    ClientBootstrap(group: inbound.eventLoop)
      .channelOption(.autoRead, value: false)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(back) }
      }
      // By address: a name would be looked up on a dispatch queue that the tests' own blocking calls may keep busy.
      .connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: targets[target] ?? 0))
      .whenComplete { result in
        guard case .success(let outbound) = result else { return inbound.close(promise: nil) }
        self.relays[ObjectIdentifier(back)] = back
        (there.peer, back.peer, back.channel) = (outbound, inbound, outbound)
        for channel in [inbound, outbound] { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
      }
  }

  fileprivate func forget(_ relay: Relay) { relays[ObjectIdentifier(relay)] = nil }
}

/// One direction of one connection: reads on its channel, writes to its peer when the flow lets it.
private final class Relay: ChannelInboundHandler, @unchecked Sendable {
  typealias InboundIn = ByteBuffer

  /// How much waits before nothing more is read, so that a held flow looks like a full network.
  private static let capacity = 1 << 20

  let flow: LinkFlow
  var channel: (any Channel)?
  var peer: (any Channel)?
  private unowned let proxies: LinkProxies
  private var waiting: [(bytes: ByteBuffer, since: NIODeadline)] = []
  private var isEnded = false
  private var isDrainDue = false

  init(_ proxies: LinkProxies, _ flow: LinkFlow, channel: (any Channel)?) {
    self.proxies = proxies
    self.flow = flow
    self.channel = channel
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    waiting.append((Self.unwrapInboundIn(data), .now()))
    drain()
  }

  func channelInactive(context: ChannelHandlerContext) {
    isEnded = true
    drain()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func drain() {
    defer { peer?.flush() }
    while let next = waiting.first {
      switch proxies.state(of: flow) {
      case .held: return limitReading()
      case .slow(let delay):
        let due = next.since + .nanoseconds(Int64(delay / .nanoseconds(1)))
        guard due <= .now() else {
          drainLater(due)
          return limitReading()
        }
      case .open: break
      }
      peer?.write(waiting.removeFirst().bytes, promise: nil)
    }
    limitReading()
    // The end of a connection is news that travels the same way.
    guard isEnded, proxies.state(of: flow) != .held else { return }
    peer?.close(promise: nil)
    proxies.forget(self)
  }

  private func drainLater(_ due: NIODeadline) {
    guard !isDrainDue else { return }
    isDrainDue = true
    channel?.eventLoop.scheduleTask(deadline: due) { [self] in
      isDrainDue = false
      drain()
    }
  }

  private func limitReading() {
    let size = waiting.reduce(0) { $0 + $1.bytes.readableBytes }
    channel?.setOption(.autoRead, value: size < Self.capacity).whenComplete { _ in }
  }
}
