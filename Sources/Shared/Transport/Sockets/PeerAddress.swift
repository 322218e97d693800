// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Glibc

/// The other end of a connection that libzmq holds, named by its descriptor.
///
/// libzmq closes a descriptor on a thread of its own and tells us later, so the number may stand for something else by
/// the time it is used: whoever acts on it looks again who is behind it.
enum PeerAddress {
  /// Room for any socket address (RFC 3493, section 3.10).
  private static let room = 128

  /// Who is behind a descriptor; nil if it is no connection, or none any more.
  static func behind(_ descriptor: Int32) -> String? {
    var bytes = [UInt8](repeating: 0, count: room)
    var length = socklen_t(room)
    let result = unsafe bytes.withUnsafeMutableBytes { raw -> Int32 in
      guard let base = raw.baseAddress else { return -1 }
      return unsafe getpeername(descriptor, base.assumingMemoryBound(to: sockaddr.self), &length)
    }
    guard result == 0, length >= 8 else { return nil }
    // Family in host order, then port (and flow) in network order, then the address: ip(7), ipv6(7).
    let family = Int32(unsafe bytes.withUnsafeBytes { unsafe $0.load(as: UInt16.self) })
    switch family {
    case AF_INET: return IPAddress(bytes: Array(bytes[4..<8]))?.description
    case AF_INET6: return length >= 24 ? IPAddress(bytes: Array(bytes[8..<24]))?.description : nil
    default: return nil
    }
  }

  /// Ends a connection if the one behind the descriptor is still `address`; libzmq sees it closed by the peer.
  static func end(_ descriptor: Int32, from address: String) {
    if behind(descriptor) == address { shutdown(descriptor, Int32(SHUT_RDWR)) }
  }
}
