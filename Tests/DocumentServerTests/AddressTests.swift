// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Documents
import NIOCore
import NIOPosix
import Testing

@testable import DocumentServer

@Suite("Drivers connect only from addresses that are let in", .timeLimit(.minutes(10)))
struct AddressTests {
  /// A connection from one of this machine's loopback addresses.
  static func with<R: Sendable>(
    _ port: Int, from source: String, _ body: (inout Client) async throws -> R
  ) async throws -> R {
    let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .bind(to: try SocketAddress(ipAddress: source, port: 0))
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await channel.executeThenClose { inbound, outbound in
      var client = Client(inbound, outbound)
      return try await body(&client)
    }
  }

  private static let hello = Wire.message(["hello": 1, "$db": "admin"])

  @Test("answers who is on the list, and neither hears nor answers who is not")
  func refuses() async throws {
    try await ServerTests.serving { server, port in
      server.admitOnly(AddressRule(ranges: [try IPRange("127.0.0.64/26")]))
      for source in ["127.0.0.1", "127.0.0.65"] {
        try await Self.with(port, from: source) { (client: inout Client) async throws -> Void in
          try await client.send(Self.hello)
          #expect(try await client.document()["ok"] == 1.0)
        }
      }
      try await Self.with(port, from: "127.0.0.5") { (client: inout Client) async throws -> Void in
        try? await client.send(Self.hello)
        #expect(try await client.receive() == nil)
      }
      #expect(server.measures.refusals(.address) == 1)
      #expect(server.measures.refusals(.tooMany) == 0)
    }
  }

  @Test("ends an open connection when its address goes, and no other")
  func ends() async throws {
    try await ServerTests.serving { server, port in
      server.admitOnly(AddressRule(ranges: [try IPRange("127.0.0.65"), try IPRange("127.0.0.66")]))
      try await Self.with(port, from: "127.0.0.65") { (leaving: inout Client) async throws -> Void in
        try await leaving.send(Self.hello)
        #expect(try await leaving.document()["ok"] == 1.0)
        try await Self.with(port, from: "127.0.0.66") { (staying: inout Client) async throws -> Void in
          try await staying.send(Self.hello)
          #expect(try await staying.document()["ok"] == 1.0)
          server.admitOnly(AddressRule(ranges: [try IPRange("127.0.0.66")]))
          #expect(try await leaving.receive() == nil)
          try await staying.send(Self.hello)
          #expect(try await staying.document()["ok"] == 1.0)
        }
      }
      #expect(server.measures.refusals(.address) == 1)
    }
  }

  @Test("logs the refusals of an address once in a minute, and forgets nobody's minute for many others")
  func logs() {
    let registry = ConnectionRegistry(ServerLimits())
    let start = ContinuousClock.now
    #expect(registry.allowsLog(of: "192.0.2.1", .address, now: start))
    #expect(registry.allowsLog(of: "192.0.2.1", .tooMany, now: start))
    #expect(!registry.allowsLog(of: "192.0.2.1", .address, now: start + .seconds(59)))
    #expect(registry.allowsLog(of: "192.0.2.1", .address, now: start + .seconds(60)))
    var logged = 0
    for number in 0..<5_000 where registry.allowsLog(of: "\(number)", .address, now: start + .seconds(61)) {
      logged += 1
    }
    #expect(logged < ConnectionRegistry.rememberedRefusals)
    #expect(!registry.allowsLog(of: "192.0.2.1", .address, now: start + .seconds(62)))
  }
}
