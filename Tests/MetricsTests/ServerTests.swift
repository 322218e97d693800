// SPDX-License-Identifier: GPL-3.0-or-later
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import Metrics

@Suite("Metrics are served on a loopback port, whoever asks", .timeLimit(.minutes(10)))
struct ServerTests {
  private static let gauge = Metric(.gauge, "keyfold_a", "A.")
  private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func serving(
    connectionSeconds: Int64 = 3600, _ body: (Int, MetricsServer) async throws -> Void
  ) async throws {
    let registry = MetricsRegistry()
    registry.onScrape { $0.set(Self.gauge, 7) }
    let server = MetricsServer(registry, logger: Self.quiet, connectionSeconds: connectionSeconds)
    defer { server.stop() }
    try await body(try await server.start(MetricsAddress(port: 0), defaultPort: 1), server)
  }

  /// Sends bytes and answers all that comes back until the server closes.
  private func exchange(_ port: Int, _ request: String) async throws -> String {
    let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return try await channel.executeThenClose { inbound, outbound in
      try? await outbound.write(ByteBuffer(string: request))
      var answer = ""
      do { for try await part in inbound { answer += String(buffer: part) } } catch {}
      return answer
    }
  }

  @Test("answers a scrape as Prometheus sends it, and closes")
  func scrape() async throws {
    try await serving { port, _ in
      let answer = try await exchange(
        port,
        "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:1\r\nUser-Agent: Prometheus/2.42.0\r\n"
          + "Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n"
          + "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n")
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(answer.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
      #expect(answer.contains("\r\n\r\n# HELP keyfold_a A.\n# TYPE keyfold_a gauge\nkeyfold_a 7\n"))
    }
  }

  @Test(
    "answers other requests in HTTP's words",
    arguments: [
      ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 "),
      ("POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 "),
      ("GET /metrics?a=b HTTP/1.0\r\n\r\n", "HTTP/1.1 200 "),
      ("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 "),
      ("GET /metrics/../metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 "),
    ])
  func others(_ request: String, _ status: String) async throws {
    try await serving { port, _ in
      let answer = try await exchange(port, request)
      #expect(answer.hasPrefix(status))
      if request.hasPrefix("HEAD") { #expect(answer.hasSuffix("\r\n\r\n")) }
    }
  }

  @Test(
    "survives bytes that are no request",
    arguments: [
      "\u{16}\u{3}\u{1}\u{0}garbage", "GET /metrics HTTP/9.9\r\n\r\n", "\r\n\r\n\r\n\r\n", "GET\r\n\r\n",
      "GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET /metrics HTTP/1.1\r\nX: " + String(repeating: "x", count: 9000) + "\r\n\r\n",
      "POST /metrics HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n" + String(repeating: "x", count: 9000),
    ])
  func garbage(_ bytes: String) async throws {
    try await serving { port, _ in
      if bytes.utf8.count > MetricsServer.maximumRequestBytes {
        let answer = try await exchange(port, bytes)
        #expect(!answer.hasPrefix("HTTP/1.1 200"))
      } else {
        // Some of these are the beginning of a request for all the server knows: it may wait for the rest.
        let socket = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
          .connect(host: "127.0.0.1", port: port).get()
        try? await socket.writeAndFlush(ByteBuffer(string: bytes))
        try? await socket.close()
      }
      #expect(try await exchange(port, "GET /metrics HTTP/1.0\r\n\r\n").contains("keyfold_a 7\n"))
    }
  }

  @Test("closes a connection too many")
  func limits() async throws {
    try await serving { port, server in
      var silent: [any Channel] = []
      for _ in 0..<MetricsServer.maximumConnections {
        silent.append(
          try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .connect(host: "127.0.0.1", port: port).get())
      }
      try await eventually { server.openConnections == MetricsServer.maximumConnections }
      // One more is accepted by the system and closed by the server.
      #expect(try await exchange(port, "GET /metrics HTTP/1.0\r\n\r\n") == "")
      try await silent[0].close()
      try await eventually { server.openConnections == MetricsServer.maximumConnections - 1 }
      #expect(try await exchange(port, "GET /metrics HTTP/1.0\r\n\r\n").contains("keyfold_a 7\n"))
      for channel in silent.dropFirst() { try await channel.close() }
    }
  }

  @Test("closes a connection that says nothing in time")
  func timeLimit() async throws {
    try await serving(connectionSeconds: 1) { port, _ in
      try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .connect(host: "127.0.0.1", port: port).get().closeFuture.get()
    }
  }

  /// Waits until the server has noticed what a client did.
  private func eventually(_ condition: () -> Bool) async throws {
    // tidy:allow sleep connections are counted, not told; the suite's time limit ends the wait
    while !condition() { try await Task.sleep(for: .milliseconds(2)) }
  }

  @Test("refuses an address that others could reach", arguments: ["0.0.0.0", "::", "192.168.1.1", "127.1", "host"])
  func loopbackOnly(_ address: String) async {
    let server = MetricsServer(MetricsRegistry(), logger: Self.quiet)
    let error = await #expect(throws: MetricsError.self) {
      _ = try await server.startIfPossible(MetricsAddress(address: address, port: 0), defaultPort: 1)
    }
    #expect(error?.code == .notLoopback)
  }

  @Test("does without metrics when the port is taken, and says so")
  func taken() async throws {
    try await serving { port, _ in
      let second = MetricsServer(MetricsRegistry(), logger: Self.quiet)
      let setting = MetricsAddress(port: UInt16(port))
      let port2 = try await second.startIfPossible(setting, defaultPort: 1)
      #expect(port2 == nil)
      let error = await #expect(throws: MetricsError.self) { _ = try await second.start(setting, defaultPort: 1) }
      #expect(error?.code == .cannotBind)
      #expect(error?.description.contains("127.0.0.1:\(port)") == true)
    }
  }
}
