// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Glibc
import Messages
import Testing

@testable import Transport

@Suite("Whatever a peer sends, the listener lives on", .timeLimit(.minutes(10)))
struct HostilePeerTests {
  private func stillServes(_ stage: Stage) async throws {
    let (link, events) = try stage.link()
    try link.start()
    // An impatient listener may refuse it first, on a busy machine.
    try await events.connected()
    try link.send(Stage.heartbeat(99))
    while true {
      if case .timeoutNow(TimeoutNow(term: 99)) = try await stage.events.message().envelope.body { return }
    }
  }

  @Test(
    "cuts off strangers that speak something else",
    arguments: [
      Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
      // A ZMTP greeting of the NULL mechanism.
      [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 0] + Array("NULL".utf8) + [UInt8](repeating: 0, count: 48),
    ])
  func garbage(_ bytes: [UInt8]) async throws {
    let stage = try Stage()
    try await exchange(bytes, port: stage.port)
    try await eventually { stage.listener.counters.refusedHandshakes >= 1 }
    #expect(stage.listener.counters.received == 0)
    try await stillServes(stage)
  }

  @Test("cuts off silent strangers")
  func silence() async throws {
    let stage = try Stage(limits: Stage.impatient)
    try await exchange([], port: stage.port)
    try await eventually { stage.listener.counters.refusedHandshakes >= 1 }
    try await stillServes(stage)
  }

  /// Connects, sends, and reads until the other side ends it.
  @concurrent
  private func exchange(_ bytes: [UInt8], port: UInt16) async throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let connected = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(connected == 0)
    _ = unsafe send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    var buffer = [UInt8](repeating: 0, count: 256)
    while unsafe recv(descriptor, &buffer, buffer.count, 0) > 0 {}
  }

  @Test("answers bytes that are no message with a fault, and hears the next message")
  func malformed() async throws {
    let stage = try Stage()
    let peer = try RawPeer(stage)
    try peer.send([0xFF, 0xFF, 0xFF])
    #expect(try peer.fault().fault.code == .malformed)
    try peer.send([])
    #expect(try peer.fault().fault.code == .unsupportedVersion)
    #expect(stage.listener.counters.malformed == 1)
    try peer.send(try Stage.heartbeat(1).encoded())
    _ = try await stage.events.message()
    #expect(stage.listener.counters.received == 1)
  }

  @Test("answers a newer protocol version with a fault that names the message")
  func newerVersion() async throws {
    let stage = try Stage()
    let peer = try RawPeer(stage)
    try peer.send([0x08, 0x02, 0x10, 0x2A])
    let (fault, correlationID) = try peer.fault()
    #expect(fault.code == .unsupportedVersion)
    #expect(correlationID == 42)
    #expect(stage.listener.counters.unsupportedVersion == 1)
    try await stillServes(stage)
  }

  @Test("answers a message of an unknown kind with a fault")
  func unknownKind() async throws {
    let stage = try Stage()
    let peer = try RawPeer(stage)
    try peer.send([0x08, 0x01, 0x10, 0x2A, 0x9A, 0x06, 0x00])
    let (fault, correlationID) = try peer.fault()
    #expect(fault.code == .unknownMessage)
    #expect(correlationID == 42)
    #expect(stage.listener.counters.unknownMessage == 1)
  }

  @Test("drops a message of too many frames")
  func tooManyFrames() async throws {
    let stage = try Stage()
    let peer = try RawPeer(stage)
    try peer.send(try Stage.heartbeat(1).encoded(), [1], [2], [3])
    try peer.send(try Stage.heartbeat(2).encoded())
    guard case .timeoutNow(TimeoutNow(term: 2)) = try await stage.events.message().envelope.body else {
      Issue.record("the message of too many frames came through")
      return
    }
    #expect(stage.listener.counters.malformed == 1)
  }

  @Test("cuts off a frame above the limit; the link comes back")
  func oversized() async throws {
    var small = Stage.limits
    small.maximumFrameBytes = 64 << 10
    let stage = try Stage(limits: small)
    let (link, events) = try await stage.connectedLink()
    try link.send(Stage.heartbeat(1), payload: [UInt8](repeating: 1, count: 1 << 20))
    try await events.disconnected()
    try await events.connected()
    try link.send(Stage.heartbeat(2))
    guard case .timeoutNow(TimeoutNow(term: 2)) = try await stage.events.message().envelope.body else {
      Issue.record("the large message came through")
      return
    }
    #expect(throws: TransportError.self) {
      try stage.listener.send(
        Stage.heartbeat(3), payload: [UInt8](repeating: 1, count: 1 << 20), to: Route(routingID: [0]))
    }
  }

  @Test("stands random mutations of valid messages")
  func mutations() async throws {
    let stage = try Stage()
    let peer = try RawPeer(stage)
    let bytes = try Stage.heartbeat(1).encoded()
    for place in bytes.indices {
      for bit in 0..<8 {
        var mutated = bytes
        mutated[place] ^= 1 << UInt8(bit)
        try peer.send(mutated)
      }
    }
    try await stillServes(stage)
  }

  @Test("knows a route that never was for a dead one")
  func unknownRoute() async throws {
    let stage = try Stage()
    let route = Route(routingID: [1, 2, 3, 4, 5])
    let id = try stage.listener.send(Stage.heartbeat(1), to: route)
    let event = try await stage.events.next()
    guard case .undelivered(route, let messageID) = event else {
      Issue.record("it was not reported")
      return
    }
    #expect(messageID == id)
    #expect(stage.listener.counters.undelivered == 1)
  }
}
