// SPDX-License-Identifier: GPL-3.0-or-later

package import ClusterModel
internal import Synchronization

/// Finds the addresses of a host.
package protocol HostResolver: Sendable {
  /// All addresses of a host, which may be an address itself; throws if there is none or no answer in time.
  func addresses(of host: String, within timeout: Duration) async throws(HTTPFailure) -> [IPAddress]
}

/// Sends only to addresses inside declared ranges.
///
/// The host is looked up, every address it has is checked before a byte is sent, and the connection goes to one of the
/// checked addresses: the name is not looked up a second time, so that an answer that changes in between (DNS
/// rebinding) changes nothing. One address outside is enough to send nothing: the name is not private then.
struct PrivateExchange: HTTPExchange {
  /// The ranges that may be connected to.
  let ranges: [IPRange]
  let resolver: any HostResolver
  /// Reaches a host at one of its addresses.
  let connect: @Sendable (_ host: String, _ address: IPAddress) -> any HTTPExchange
  /// Is told what a host was found to have.
  var onLookUp: @Sendable (KMSEndpointView) -> Void = { _ in }

  func send(_ question: HTTPQuestion, timeout: Duration) async throws(HTTPFailure) -> HTTPAnswer {
    let start = ContinuousClock.now
    guard let host = Self.host(of: question.url) else {
      throw HTTPFailure(.invalidSettings, "the host of the endpoint can't be told from its URL")
    }
    let addresses = try await resolver.addresses(of: host, within: timeout)
    let outside = addresses.filter { address in !ranges.contains { $0.contains(address) } }
    onLookUp(KMSEndpointView(host: host, addresses: addresses, outside: outside))
    guard outside.isEmpty else {
      throw HTTPFailure(
        .privateNetwork,
        "nothing was sent: private networking is required, and \(host) has the address \(Self.list(outside)), "
          + "outside \(ranges.map(\.description).joined(separator: ", "))")
    }
    var last = HTTPFailure(.network, "the name \(host) has no address that DNS knows")
    for address in addresses {
      let left = timeout - start.duration(to: .now)
      guard left > .zero else { throw HTTPFailure(.timeout, "no time was left for \(host) at \(address)") }
      do { return try await connect(host, address).send(question, timeout: left) } catch {
        guard error.kind == .network else { throw error }
        last = error
      }
    }
    throw last
  }

  /// The host of a URL as it is looked up, without brackets; nil if it has anything in it that a host has not.
  static func host(of url: String) -> String? {
    guard let scheme = url.firstRange(of: "://") else { return nil }
    let authority = url[scheme.upperBound...].prefix { !"/?#".contains($0) }
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      let text = authority[authority.index(after: authority.startIndex)..<end]
      return IPAddress(String(text)).map { _ in String(text) }
    }
    let host = authority.prefix { $0 != ":" }
    let isPlain = host.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || ".-_".utf8.contains(byte)
    }
    return isPlain && !host.isEmpty && !authority.contains("@") ? String(host) : nil
  }

  private static func list(_ addresses: [IPAddress]) -> String {
    addresses.prefix(4).map(\.description).joined(separator: ", ") + (addresses.count > 4 ? ", …" : "")
  }

  /// Where a machine's own metadata service may be beside the declared ranges: loopback, link-local, and EC2's address
  /// for IPv6.
  static let near: [IPRange] = ["127.0.0.0/8", "169.254.0.0/16", "::1", "fe80::/10", "fd00:ec2::254"]
    .compactMap { try? IPRange($0) }
}

/// What was found of the hosts of each key's endpoints.
final class EndpointWatch: Sendable {
  /// The most keys that are remembered; beyond it all are forgotten, and found again at the next request.
  static let maximumKeys = 2048

  private let found = Mutex<[String: [String: KMSEndpointView]]>([:])

  func note(_ view: KMSEndpointView, key: String) {
    found.withLock { found in
      if found[key] == nil, found.count >= Self.maximumKeys { found.removeAll() }
      found[key, default: [:]][view.host] = view
    }
  }

  func endpoints(of key: String) -> [KMSEndpointView] {
    found.withLock { $0[key]?.values.sorted { $0.host < $1.host } ?? [] }
  }
}
