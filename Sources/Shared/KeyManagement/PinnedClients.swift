// SPDX-License-Identifier: GPL-3.0-or-later

internal import AsyncHTTPClient
internal import ClusterModel
internal import Synchronization

/// HTTP clients that reach a host at one given address; the certificate has to be the host's, or name that address, as
/// NIOSSL accepts of any connection.
final class PinnedClients: Sendable {
  /// The most that are kept; beyond it the one that was asked for longest ago is closed.
  static let maximum = 64

  private struct Place: Hashable {
    let host: String
    let address: IPAddress
  }

  private struct State {
    var clients: [Place: HTTPClient] = [:]
    /// The one that was asked for last stands last.
    var order: [Place] = []
    var isShutDown = false
  }

  private let state = Mutex(State())

  /// The client for a host at an address; nil once all are closed.
  func client(for host: String, at address: IPAddress) -> HTTPClient? {
    let place = Place(host: host, address: address)
    let (client, replaced) = state.withLock { state -> (HTTPClient?, HTTPClient?) in
      if state.isShutDown { return (nil, nil) }
      if let known = state.clients[place] {
        if let index = state.order.firstIndex(of: place) { state.order.append(state.order.remove(at: index)) }
        return (known, nil)
      }
      var configuration = HTTPClientExchange.clientConfiguration
      // Both spellings, whichever of them the client looks for; they may be the same.
      for name in [host, host.lowercased()] { configuration.dnsOverride[name] = address.description }
      let client = HTTPClient(
        eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
      let oldest = state.order.count >= Self.maximum ? state.order.removeFirst() : nil
      state.clients[place] = client
      state.order.append(place)
      return (client, oldest.flatMap { state.clients.removeValue(forKey: $0) })
    }
    replaced?.shutdown { _ in }
    return client
  }

  /// Closes every connection.
  func shutdown() async {
    let all = state.withLock { state -> [HTTPClient] in
      state.isShutDown = true
      defer { state.clients.removeAll() }
      return Array(state.clients.values)
    }
    for client in all { try? await client.shutdown() }
  }
}

/// What is left of the network once every client is closed.
struct ClosedExchange: HTTPExchange {
  func send(_ question: HTTPQuestion, timeout: Duration) async throws(HTTPFailure) -> HTTPAnswer {
    throw ConnectionTrouble.cancelled
  }
}
