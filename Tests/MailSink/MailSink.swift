// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// A mail server for tests: SMTP with STARTTLS or implicit TLS and AUTH, which keeps what it takes and fails as told.
public final class MailSink: Sendable {
  /// A mail that was taken.
  public struct Mail: Sendable, Equatable {
    /// The envelope's sender.
    public var from: String
    /// The envelope's recipients.
    public var recipients: [String]
    /// Header and body, with CRLF line ends.
    public var data: String
    /// Who had logged in, nil for nobody.
    public var user: String?

    /// The value of a header, nil if there is none.
    public func header(_ name: String) -> String? {
      let head = data.components(separatedBy: "\r\n\r\n").first ?? ""
      return head.replacingOccurrences(of: "\r\n ", with: " ").components(separatedBy: "\r\n")
        .first { $0.hasPrefix("\(name): ") }.map { String($0.dropFirst(name.count + 2)) }
    }
  }

  /// What the server is like.
  public struct Manner: Sendable {
    /// The only user, and the password.
    public var user = "keyfold"
    /// See `user`.
    public var password = "correct horse"
    /// TLS from the first byte.
    public var isImplicit = false
    /// Whether it offers STARTTLS.
    public var offersTLS = true

    /// The usual one.
    public init() {}
  }

  struct State {
    var mails: [Mail] = []
    var failures: [String] = []
    /// Everything a client said before its TLS began.
    var inTheClear = ""
  }

  /// Every mail that is taken, as it comes; `mails` has them all.
  public let taken: AsyncStream<Mail>
  let take: AsyncStream<Mail>.Continuation
  let state = Mutex(State())
  let manner: Manner
  private let certificate: SinkCertificate
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let channel: Mutex<(any Channel)?> = Mutex(nil)

  /// The authority that signed its certificate, as PEM; the certificate is for localhost and 127.0.0.1.
  public var authority: String { certificate.authority }
  /// Everything that was taken, oldest first.
  public var mails: [Mail] { state.withLock { $0.mails } }
  /// What clients said in the clear.
  public var inTheClear: String { state.withLock { $0.inTheClear } }
  /// The port it listens on.
  public var port: UInt16 { UInt16(channel.withLock { $0?.localAddress?.port } ?? 0) }

  /// Makes one; it listens after `start`.
  public init(_ manner: Manner = Manner()) throws {
    self.manner = manner
    (taken, take) = AsyncStream.makeStream()
    certificate = try SinkCertificate()
  }

  /// Answers the next attempts to send with these replies instead of taking the mail.
  public func fail(_ replies: [String]) { state.withLock { $0.failures += replies } }

  /// Listens on a free port of loopback.
  public func start() async throws {
    let context = try certificate.context()
    let bound = try await ServerBootstrap(group: group).serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { [self] channel in
        channel.eventLoop.makeCompletedFuture {
          if manner.isImplicit {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
          }
          try channel.pipeline.syncOperations.addHandler(MailDialogue(sink: self, context: context))
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    channel.withLock { $0 = bound }
  }

  /// Closes everything.
  public func stop() async {
    try? await channel.withLock { $0 }?.close()
    try? await group.shutdownGracefully()
    certificate.remove()
  }
}
