// SPDX-License-Identifier: GPL-3.0-or-later
internal import Synchronization

/// Where a link goes, and whose key it expects there.
struct LinkTarget: Sendable, Equatable {
  let endpoint: String
  /// Where connections come from; nil leaves it to the system.
  let source: String?
  let serverKey: CurvePublicKey

  /// Checks `host:port`; throws `address`.
  init(_ endpoint: String, from source: String? = nil, serverKey: CurvePublicKey) throws(TransportError) {
    try Self.check(endpoint)
    if let source { try Self.check(source: source) }
    self.endpoint = endpoint
    self.source = source
    self.serverKey = serverKey
  }

  /// What libzmq connects to (zmq_tcp(7), "Connecting a socket").
  var address: String { source.map { "tcp://\($0):0;\(endpoint)" } ?? "tcp://\(endpoint)" }

  /// Throws `address` unless this is `host:port`.
  static func check(_ endpoint: String) throws(TransportError) {
    let parts = endpoint.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count >= 2, let port = parts.last.flatMap({ UInt16($0) }), port > 0,
      endpoint.utf8.count <= Self.maximumLength,
      endpoint.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ";") })
    else {
      throw TransportError(.address, "an address to connect to has to be host:port, with a port from 1 to 65535")
    }
    let host = parts.dropLast().joined(separator: ":")
    guard !host.isEmpty, !host.contains(":") || (host.hasPrefix("[") && host.hasSuffix("]")) else {
      throw TransportError(.address, "an address to connect to has to be host:port; an IPv6 host stands in brackets")
    }
  }

  /// Throws `address` unless this is an address of a machine, without a port; IPv6 in brackets.
  static func check(source: String) throws(TransportError) {
    let isVersion6 = source.hasPrefix("[") && source.hasSuffix("]")
    guard !source.isEmpty, source.utf8.count <= Self.maximumSourceLength,
      source.utf8.allSatisfy({
        $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") || $0 == UInt8(ascii: ".")
          || isVersion6 && "abcdefABCDEF:[]".utf8.contains($0)
      })
    else {
      throw TransportError(.address, "an address to connect from has to be 192.0.2.1 or [2001:db8::1], without a port")
    }
  }

  /// The longest textual form of an IPv6 address in brackets.
  private static let maximumSourceLength = 47

  /// The longest address: a DNS name has at most 253 characters.
  private static let maximumLength = 262
}

/// The target, replaceable while the link's thread runs.
final class LinkTargetBox: Sendable {
  private struct State: Sendable {
    var target: LinkTarget
    var changed = false
  }

  private let state: Mutex<State>

  init(_ target: LinkTarget) { state = Mutex(State(target: target)) }

  var target: LinkTarget { state.withLock { $0.target } }

  /// Replaces the target; the same one changes nothing.
  func replace(_ target: LinkTarget) {
    state.withLock { state in
      guard state.target != target else { return }
      state = State(target: target, changed: true)
    }
  }

  /// Whether the target was replaced since the last time.
  func takeChange() -> Bool {
    state.withLock { state in
      defer { state.changed = false }
      return state.changed
    }
  }
}
