// SPDX-License-Identifier: GPL-3.0-or-later

internal import AsyncHTTPClient
internal import ClusterModel
internal import NIOCore
internal import NIOPosix

/// Looks names up as the system does.
struct SystemResolver: HostResolver {
  func addresses(of host: String, within timeout: Duration) async throws(HTTPFailure) -> [IPAddress] {
    if let address = IPAddress(host) { return [address] }
    let found: [SocketAddress]
    do { found = try await Self.lookUp(host, within: timeout) } catch let failure as HTTPFailure {
      throw failure
    } catch {
      throw HTTPFailure(.network, "the name \(host) has no address that DNS knows")
    }
    let addresses = found.map { $0.ipAddress.flatMap { IPAddress($0) } }
    // What can't be read can't be checked.
    guard !addresses.isEmpty, !addresses.contains(nil) else {
      throw HTTPFailure(.network, "the name \(host) has no address that can be used")
    }
    return addresses.compactMap { $0 }
  }

  /// The system's look-up can't be cancelled; who waits for it stops waiting in time.
  private static func lookUp(_ host: String, within timeout: Duration) async throws -> [SocketAddress] {
    let loop = HTTPClient.defaultEventLoopGroup.any()
    let answer = loop.makePromise(of: [SocketAddress].self)
    let (seconds, attoseconds) = timeout.components
    let limit = TimeAmount.seconds(min(seconds, 3600)) + .nanoseconds(attoseconds / 1_000_000_000)
    let timer = loop.scheduleTask(in: limit) {
      answer.fail(HTTPFailure(.timeout, "the name \(host) was not looked up in time"))
    }
    let resolver = NIORandomizedDNSResolver(loop: loop)
    let four = resolver.initiateAQuery(host: host, port: 0)
    let six = resolver.initiateAAAAQuery(host: host, port: 0)
    four.and(six).map { $0 + $1 }.whenComplete { result in
      timer.cancel()
      answer.completeWith(result)
    }
    return try await answer.futureResult.get()
  }
}
