// SPDX-License-Identifier: GPL-3.0-or-later
internal import Glibc
internal import NIOCore
internal import NIOPosix

extension ServerBootstrap {
  /// Has the kernel watch the machines at the other ends: one that lost its power or its network says no goodbye, and
  /// its connection would keep its place for ever (tcp(7)).
  func keepingAlive(_ limits: ServerLimits) -> ServerBootstrap {
    func seconds(_ time: Duration) -> Int { Int(clamping: max(1, time.components.seconds)) }
    return childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.tcpOption(.keepAliveIdle), value: seconds(limits.keepAliveIdle))
      .childChannelOption(.tcpOption(.keepAliveInterval), value: seconds(limits.keepAliveInterval))
      .childChannelOption(.tcpOption(.keepAliveProbes), value: limits.keepAliveProbes)
      .childChannelOption(.tcpOption(.unacknowledgedTime), value: 1_000 * seconds(limits.unacknowledgedTime))
  }
}

/// Options of tcp(7) that the event library has no names for.
extension NIOBSDSocket.Option {
  static let keepAliveIdle = NIOBSDSocket.Option(rawValue: TCP_KEEPIDLE)
  static let keepAliveInterval = NIOBSDSocket.Option(rawValue: TCP_KEEPINTVL)
  static let keepAliveProbes = NIOBSDSocket.Option(rawValue: TCP_KEEPCNT)
  static let unacknowledgedTime = NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT)
}
