// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Secrets
import Testing

@Suite("A local KMS and clients that misbehave")
struct HostileClientTests {
  /// Sends bytes and collects what comes back until the server closes the connection.
  func exchange(_ kms: RunningKMS, _ bytes: [UInt8], tls: Bool = true, port: Int? = nil) async throws -> String {
    let context = try NIOSSLContext(
      configuration: {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(Array(kms.authorityPEM.utf8)))
        return configuration
      }())
    let group = MultiThreadedEventLoopGroup.singleton
    let collected = group.any().makePromise(of: [UInt8].self)
    let channel = try await ClientBootstrap(group: group)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          if tls { try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: "localhost")) }
          try pipeline.addHandler(Collector(collected))
        }
      }
      .connect(host: "127.0.0.1", port: port ?? kms.ready.port).get()
    try? await channel.writeAndFlush(ByteBuffer(bytes: bytes))  // the server may have closed already
    return String(decoding: try await collected.futureResult.get(), as: UTF8.self)
  }

  /// A proof that the server still serves.
  private func expectAlive(_ kms: RunningKMS) async throws { _ = try await kms.admin.createKey() }

  @Test("answers garbage inside TLS with a clean 400 and lives on")
  func httpGarbage() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      for garbage in ["\0\u{1}\u{2}garbage\r\n\r\n", "POST / HTTP/9.9\r\n\r\n", "{}\n\n\n\r\n\r\n"] {
        let answer = try await exchange(kms, Array(garbage.utf8))
        #expect(answer.hasPrefix("HTTP/1.1 400"), "\(answer)")
      }
      try await expectAlive(kms)
    }
  }

  @Test("closes on garbage instead of TLS and lives on")
  func tlsGarbage() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let record: [UInt8] = [0x16, 3, 1, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 70_000)
      for garbage in [[UInt8](repeating: 0x41, count: 3000), record] {
        _ = try await exchange(kms, garbage, tls: false)
      }
      try await expectAlive(kms)
    }
  }

  @Test(
    "refuses what is not a signed call, in AWS's words",
    arguments: [
      ("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404", "UnknownOperationException"),
      (
        "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: TrentService.Decrypt\r\nContent-Length: 2\r\n"
          + "Connection: close\r\n\r\n{}",
        "400", "MissingAuthenticationTokenException"
      ),
      (
        "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b\r\n"
          + "Content-Length: 0\r\nConnection: close\r\n\r\n",
        "400", "IncompleteSignatureException"
      ),
      (
        "POST / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic eDp5\r\nContent-Length: 0\r\n"
          + "Connection: close\r\n\r\n",
        "400", "IncompleteSignatureException"
      ),
    ])
  func unsigned(request: String, status: String, type: String) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let answer = try await exchange(kms, Array(request.utf8))
      #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(answer)")
      #expect(answer.contains("\"__type\":\"\(type)\""), "\(answer)")
      #expect(answer.contains("x-amzn-RequestId: "))
      #expect(answer.contains("Date: "))
      #expect(try kms.audit().last?["outcome"] == type)
    }
  }

  @Test("refuses a body that is too large without reading it")
  func largeBody() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\nConnection: close\r\n\r\n"
      #expect(try await exchange(kms, Array(head.utf8)).hasPrefix("HTTP/1.1 413"))
      try await expectAlive(kms)
    }
  }

  @Test("ends connections that never complete a request, before and inside TLS")
  func slowClients() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path, configure: { $0.requestDeadline = .milliseconds(300) }) { kms in
      let started = ContinuousClock.now
      #expect(try await exchange(kms, [0x16], tls: false) == "")
      #expect(try await exchange(kms, Array("POST / HTTP/1.1\r\nHost: local".utf8)) == "")
      #expect(started.duration(to: .now) < .seconds(60))
      try await expectAlive(kms)
    }
  }

  @Test("keeps to its number of connections and serves again when one ends")
  func connectionLimit() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path, configure: { $0.maximumConnections = 2 }) { kms in
      // The operator's own connection and these two are more than the limit.
      let first = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: "127.0.0.1", port: kms.ready.port).get()
      let second = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(host: "127.0.0.1", port: kms.ready.port).get()
      // The third is closed by the server without a byte.
      #expect(try await exchange(kms, [0x16], tls: false) == "")
      // On a slow machine the server may have closed idle ones before.
      try? await first.close()
      try? await second.close()
      try await expectAlive(kms)
    }
  }

  @Test("a server certificate that our authority did not sign is a TLS outage, a closed port a network outage")
  func outages() async throws {
    let folder = TestFolder()
    let otherFolder = TestFolder()
    let box = Box<String>()
    try await withLocalKMS(otherFolder.path) { kms in box.value = kms.authorityPEM }
    let otherAuthority = try #require(box.value)
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey().keyID
      let wrapped = try await kms.service(key)
        .wrap(try SecretBytes.random(count: 32), context: nodeContext, deadline: .seconds(300))
      var settings = kms.settings(key)
      settings.certificateAuthorityPEM = otherAuthority
      let untrusted = try kms.factory.makeService(settings: settings, secret: kms.credentials.secretKey)
      let tls = await kmsError { () async throws(KMSError) in
        _ = try await untrusted.unwrap(wrapped, context: nodeContext, deadline: .seconds(300))
      }
      guard case .unreachable(.tls, _)? = tls?.verdict else { throw Unexpected() }

      settings = kms.settings(key)
      settings.endpoint = "https://127.0.0.1:1"
      let closed = try kms.factory.makeService(settings: settings, secret: kms.credentials.secretKey)
      let network = await kmsError { () async throws(KMSError) in
        _ = try await closed.unwrap(wrapped, context: nodeContext, deadline: .seconds(300))
      }
      guard case .unreachable(.network, _)? = network?.verdict else { throw Unexpected() }
    }
  }

  @Test("a server that accepts and never answers is a time-out within the deadline")
  func silence() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .bind(host: "127.0.0.1", port: 0).get()
      let key = try await kms.admin.createKey().keyID
      var settings = kms.settings(key)
      settings.endpoint = "https://127.0.0.1:\(listener.localAddress?.port ?? 0)"
      let service = try kms.factory.makeService(settings: settings, secret: kms.credentials.secretKey)
      let error = await kmsError { () async throws(KMSError) in
        _ = try await service.describe(deadline: .milliseconds(700))
      }
      #expect(error?.kind == .timeout)
      // Ended by the caller's deadline, not by a time-out of the HTTP client, which are all longer.
      let detail = error?.detail ?? ""
      #expect(detail.contains(" did not answer "), "\(detail)")
      try await listener.close()
    }
  }
}

/// Collects what a connection receives until it ends.
private final class Collector: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let promise: EventLoopPromise<[UInt8]>
  private var bytes: [UInt8] = []

  init(_ promise: EventLoopPromise<[UInt8]>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    bytes += Array(buffer: unwrapInboundIn(data))
  }

  func channelInactive(context: ChannelHandlerContext) { promise.succeed(bytes) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
