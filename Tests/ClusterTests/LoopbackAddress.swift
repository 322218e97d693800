// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// An IPv4 loopback address as the system's calls take it (ip(7)): family in host order, port and address in network
/// order, eight bytes of padding. Written by byte, because with NIO in the target two modules claim C's structure.
struct LoopbackAddress {
  private var bytes: [UInt8]

  /// `host` is four numbers that begin with 127.
  init(port: Int, host: String = "127.0.0.1") {
    let family = unsafe withUnsafeBytes(of: UInt16(AF_INET)) { unsafe Array($0) }
    let address = host.split(separator: ".").compactMap { UInt8($0) }
    bytes = family + [UInt8(port >> 8 & 0xFF), UInt8(port & 0xFF)] + address + [UInt8](repeating: 0, count: 8)
  }

  var port: Int { Int(bytes[2]) << 8 | Int(bytes[3]) }

  /// Lends the address to `connect`, `bind` and their like.
  func withAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result? {
    unsafe bytes.withUnsafeBytes { raw in
      unsafe raw.baseAddress.map { unsafe body($0.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count)) }
    }
  }

  /// Has `getsockname` or its like fill the address in.
  mutating func fill(_ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32) {
    var length = socklen_t(bytes.count)
    unsafe bytes.withUnsafeMutableBytes { raw in
      _ = unsafe raw.baseAddress.map { unsafe body($0.assumingMemoryBound(to: sockaddr.self), &length) }
    }
  }
}
