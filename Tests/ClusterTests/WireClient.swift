// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation

/// A bare client of the MongoDB wire protocol: one blocking connection, one request at a time.
final class WireClient {
  private let socket: Int32
  private var requestID: Int32 = 0

  /// Connects to a loopback port, with a limit on every read and write; from an address of 127.0.0.0/8 if one is named.
  init(port: Int, from source: String? = nil, timeoutSeconds: Int = 20) throws {
    socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
    unsafe setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    unsafe setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    if let source { _ = unsafe LoopbackAddress(port: 0, host: source).withAddress { unsafe bind(socket, $0, $1) } }
    let result = unsafe LoopbackAddress(port: port).withAddress { unsafe connect(socket, $0, $1) }
    guard result == 0 else {
      close(socket)
      throw TestFailure("nothing listens on port \(port)")
    }
  }

  deinit { close(socket) }

  /// Runs a command; throws if the connection breaks, answers whatever the server said otherwise.
  func run(_ command: Document) throws -> Document {
    requestID += 1
    var message = Self.int32(0) + Self.int32(requestID) + Self.int32(0) + Self.int32(2013)
    message += Self.int32(0) + [0] + command.bytes
    message.replaceSubrange(0..<4, with: Self.int32(Int32(message.count)))
    try send(message)
    let header = try receive(16)
    let length = Int(Self.value(header[..<4]))
    guard length > 21, length < 48_000_000 else { throw TestFailure("a reply has \(length) bytes") }
    let body = try receive(length - 16)
    return try Document(Array(body[5...]))
  }

  /// Runs a command and throws what the server refused.
  @discardableResult
  func succeed(_ command: Document) throws -> Document {
    let reply = try run(command)
    guard reply["ok"] == .double(1) else {
      throw TestFailure("the server refused: \(reply["errmsg"].map { "\($0)" } ?? "?")")
    }
    if case .array(let errors)? = reply["writeErrors"], let first = errors.first(where: { _ in true }) {
      throw TestFailure("a write failed: \(first.value)")
    }
    return reply
  }

  /// Everything the server sends until it closes the connection.
  func receiveToEnd() throws -> [UInt8] {
    var all: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
      guard count >= 0 else { throw TestFailure("the connection broke while receiving") }
      if count == 0 { return all }
      all += chunk[..<count]
    }
  }

  func send(_ bytes: [UInt8]) throws {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { all in
        unsafe Glibc.send(socket, all.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw TestFailure("the connection broke while sending") }
      sent += count
    }
  }

  func receive(_ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var got = 0
    while got < count {
      let read = unsafe bytes.withUnsafeMutableBytes { all in
        unsafe recv(socket, all.baseAddress?.advanced(by: got), count - got, 0)
      }
      guard read > 0 else { throw TestFailure("the connection broke while receiving") }
      got += read
    }
    return bytes
  }

  private static func int32(_ value: Int32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * Int32($0))) }
  }

  private static func value(_ bytes: ArraySlice<UInt8>) -> Int32 {
    bytes.reversed().reduce(0) { $0 << 8 | Int32($1) }
  }
}
