// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import NIOPosix
import Secrets
import Testing

@testable import KeyManagement

/// Answers every connection with the same bytes once it has read something.
private final class RawAnswer: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer
  private let text: String

  init(_ text: String) { self.text = text }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
  }
}

@Suite("A metadata service over real HTTP", .timeLimit(.minutes(10)))
struct MetadataOverHTTPTests {
  /// What describing a key of Google fails with when the metadata server answers like this.
  private func failure(_ answer: String) async throws -> KMSError? {
    let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { child in
        child.eventLoop.makeCompletedFuture { try child.pipeline.syncOperations.addHandler(RawAnswer(answer)) }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let factory = KeyManagementFactory()
    var settings = Clouds.google
    settings.metadataEndpoint = "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
    settings.endpoint = "https://127.0.0.1:1"
    let service = try factory.makeService(settings: settings, secret: nil)
    var thrown: KMSError?
    do { _ = try await service.describe(deadline: .seconds(300)) } catch { thrown = error }
    await factory.shutdown()
    try await channel.close()
    return thrown
  }

  private func http(_ status: String, _ body: String, _ headers: String = "Metadata-Flavor: Google\r\n") -> String {
    "HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  @Test("gives a token, and the next thing asked is the KMS")
  func token() async throws {
    let error = try await failure(http("200 OK", Clouds.token))
    #expect(error?.kind == .network && error?.detail.contains("127.0.0.1:1") == true)
  }

  @Test("a redirection is not followed")
  func redirect() async throws {
    let error = try await failure(
      http("302 Found", "", "Location: http://127.0.0.1:1/\r\nMetadata-Flavor: Google\r\n"))
    #expect(error?.kind == .unlisted && error?.detail.contains("302") == true)
  }

  @Test("an answer without an end of size is cut off")
  func huge() async throws {
    let error = try await failure(http("200 OK", String(repeating: "x", count: 300_000)))
    #expect(error?.kind == .malformedAnswer && error?.detail.contains("larger than") == true)
  }

  @Test("what is no HTTP is no answer")
  func garbage() async throws {
    #expect(try await failure("\u{0}\u{1}garbage\r\n\r\n")?.kind == .malformedAnswer)
  }
}
