// SPDX-License-Identifier: GPL-3.0-or-later
internal import NIOCore

/// Where a server listens.
struct ServerAddress: Sendable {
  let host: String
  let port: Int

  /// The address as the system wants it; `localhost` is 127.0.0.1. Throws `ServerError` for what is no address.
  func resolved() throws(ServerError) -> SocketAddress {
    do { return try SocketAddress(ipAddress: host == "localhost" ? "127.0.0.1" : host, port: port) } catch {
      throw ServerError(
        .cannotBind, "cannot serve drivers on \(host): it is no IP address of this machine", underlying: error)
    }
  }

  /// Whether only this machine can connect: 127.0.0.0/8 or ::1.
  var isLoopback: Bool {
    guard let address = try? resolved(), let text = address.ipAddress else { return false }
    return text == "::1" || text.hasPrefix("127.")
  }
}
