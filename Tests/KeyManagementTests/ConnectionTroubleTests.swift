// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import NIOPosix
import Secrets
import Testing

@testable import KeyManagement

@Suite("A KMS that can't be reached is named with the cause in words", .timeLimit(.minutes(10)))
struct ConnectionTroubleTests {
  /// What unwrapping under this endpoint fails with.
  private func failure(_ endpoint: String, within: Duration = .seconds(300)) async throws -> KMSError {
    let factory = KeyManagementFactory()
    let settings = KMSSettings(
      provider: .aws, keyID: "arn:aws:kms:us-east-1:000000000000:key/11111111-1111-4111-8111-111111111111",
      region: "us-east-1", endpoint: endpoint, accessKeyID: "AKIAEXAMPLE")
    let secret = Secret(try SecretBytes(copying: Array("secret".utf8)))
    let service = try factory.makeService(settings: settings, secret: secret)
    do {
      _ = try await service.describe(deadline: within)
      await factory.shutdown()
      throw Unexpected()
    } catch let error as KMSError {
      await factory.shutdown()
      return error
    }
  }

  private struct Unexpected: Error {}

  /// Runs `body` beside a listener that does `onAccept` to each connection.
  private func listening<R>(
    _ onAccept: @escaping @Sendable (any Channel) -> Void, _ body: (Int) async throws -> R
  ) async throws -> R {
    let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .childChannelInitializer { child in
        onAccept(child)
        return child.eventLoop.makeSucceededVoidFuture()
      }
      .bind(host: "127.0.0.1", port: 0).get()
    do {
      let result = try await body(channel.localAddress?.port ?? 0)
      try await channel.close()
      return result
    } catch {
      try? await channel.close()
      throw error
    }
  }

  @Test("nothing listens there")
  func refused() async throws {
    let error = try await failure("https://127.0.0.1:1", within: .seconds(60))
    #expect(error.kind == .network)
    #expect(error.detail == "127.0.0.1:1: connection refused; nothing listens there")
  }

  @Test("the name is not known")
  func unknownName() async throws {
    let error = try await failure("https://kms.keyfold.invalid", within: .seconds(3))
    // Without any name service at all the question itself may time out.
    if error.kind == .timeout { return #expect(error.detail.contains("kms.keyfold.invalid:443")) }
    #expect(error.kind == .network)
    #expect(
      error.detail
        == "the name kms.keyfold.invalid has no address that DNS knows, so kms.keyfold.invalid:443 can't be reached")
  }

  @Test("the other side does not speak TLS")
  func plain() async throws {
    try await listening({ child in child.writeAndFlush(ByteBuffer(string: "HTTP/1.1 400 no\r\n\r\n"), promise: nil) }) {
      let error = try await failure("https://127.0.0.1:\($0)", within: .seconds(60))
      #expect(error.kind == .tls)
      #expect(error.detail == "127.0.0.1:\($0): the other side does not speak TLS")
    }
  }

  @Test("there is no answer")
  func silent() async throws {
    try await listening({ _ in }) {
      let error = try await failure("https://127.0.0.1:\($0)", within: .seconds(1))
      #expect(error.kind == .timeout)
      #expect(error.detail.contains("127.0.0.1:\($0)"))
    }
  }

  @Test(
    "takes the place out of a URL",
    arguments: [
      ("https://kms.example.com/", "kms.example.com:443"), ("https://[::1]:7443", "[::1]:7443"),
      ("https://[::1]", "[::1]:443"), ("http://127.0.0.1:80/x:y", "127.0.0.1:80"),
      ("http://169.254.169.254/latest", "169.254.169.254:80"), ("", ":443"),
    ])
  func places(_ url: String, _ place: String) { #expect(ConnectionTrouble(url: url).place == place) }
}
