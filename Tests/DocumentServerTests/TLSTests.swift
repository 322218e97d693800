// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Documents
import Foundation
import Logging
import NIOCore
import NIOSSL
import Testing

@testable import DocumentServer

/// Certificates of an authority of the test's own, made by the openssl command.
struct TestAuthority {
  let folder: String

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-tls-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try openssl(
      "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.pem")
    for name in ["server", "other", "client"] { try issue(name) }
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  func path(_ name: String) -> String { "\(folder)/\(name)" }

  func issue(_ name: String) throws {
    try "subjectAltName=DNS:localhost,IP:127.0.0.1".write(
      toFile: path("san"), atomically: true, encoding: .utf8)
    try openssl(
      "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name) -keyout \(name).key -out \(name).csr")
    try openssl(
      "x509 -req -days 2 -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -out \(name).pem")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("\(name).key"))
  }

  private func openssl(_ arguments: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments.split(separator: " ").map(String.init)
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
  }

  func server(_ mode: DriverTLSMode, name: String = "server", authority: String? = nil) throws -> DriverTLS {
    try DriverTLS(
      mode,
      files: .init(
        certificate: path("\(name).pem"), key: path("\(name).key"), clientAuthority: authority.map { path($0) }))
  }

  /// What a client trusts and shows; `seen` gets the server's own certificate.
  func client(showing name: String? = nil, maximum: TLSVersion? = nil) throws -> NIOSSLContext {
    var settings = TLSConfiguration.makeClientConfiguration()
    settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(path("ca.pem")))
    settings.certificateVerification = .noHostnameVerification
    settings.minimumTLSVersion = .tlsv1
    settings.maximumTLSVersion = maximum
    if let name {
      settings.certificateChain = try NIOSSLCertificate.fromPEMFile(path("\(name).pem")).map { .certificate($0) }
      settings.privateKey = .privateKey(try NIOSSLPrivateKey(file: path("\(name).key"), format: .pem))
    }
    return try NIOSSLContext(configuration: settings)
  }
}

@Suite("Drivers speak TLS as the operator wants it", .timeLimit(.minutes(10)), .serialized)
struct TLSTests {
  private static let ping = WireTests.ping

  private func withAuthority(_ body: (TestAuthority) async throws -> Void) async throws {
    let authority = try TestAuthority()
    defer { authority.remove() }
    try await body(authority)
  }

  private static func isAnswered(_ port: Int, _ tls: NIOSSLContext?) async -> Bool {
    let reply = try? await Client.with(port, tls: tls) { (client: inout Client) async throws -> Document? in
      try await client.send(Wire.message(ping))
      guard let bytes = try await client.receive() else { return nil }
      return try Document(Array(bytes[21...]))
    }
    return reply?["ok"] == 1.0
  }

  @Test("required: answers TLS from 1.2 on, and closes plaintext")
  func required() async throws {
    try await withAuthority { authority in
      let (plain, old) = (try authority.client(), try authority.client(maximum: .tlsv11))
      try await ServerTests.serving(tls: try authority.server(.required)) { _, port in
        #expect(await Self.isAnswered(port, plain))
        #expect(await !Self.isAnswered(port, old))
        #expect(await !Self.isAnswered(port, nil))
        #expect(await Self.isAnswered(port, plain))
      }
    }
  }

  @Test("allowed: answers both; disabled: plaintext only")
  func allowed() async throws {
    try await withAuthority { authority in
      let client = try authority.client()
      try await ServerTests.serving(tls: try authority.server(.allowed)) { _, port in
        #expect(await Self.isAnswered(port, client))
        #expect(await Self.isAnswered(port, nil))
      }
      try await ServerTests.serving(tls: try authority.server(.disabled)) { _, port in
        #expect(await !Self.isAnswered(port, client))
        #expect(await Self.isAnswered(port, nil))
      }
    }
  }

  @Test("with an authority for clients: turns away who shows no certificate of it")
  func clientCertificates() async throws {
    try await withAuthority { authority in
      let (bare, certified) = (try authority.client(), try authority.client(showing: "client"))
      try await ServerTests.serving(tls: try authority.server(.required, authority: "ca.pem")) { _, port in
        #expect(await Self.isAnswered(port, certified))
        #expect(await !Self.isAnswered(port, bare))
      }
    }
  }

  @Test("takes new certificates for new connections when told to, and keeps the old ones if the new are no good")
  func reload() async throws {
    try await withAuthority { authority in
      let tls = try authority.server(.required)
      let client = try authority.client()
      try await ServerTests.serving(tls: tls) { _, port in
        try await Client.with(port, tls: client) { (open: inout Client) async throws -> Void in
          #expect(try await open.ask(Self.ping)["ok"] == 1.0)
          let manager = FileManager.default
          try Data("nonsense".utf8).write(to: URL(fileURLWithPath: authority.path("server.pem")))
          #expect(throws: ServerError.self) { try tls.reload() }
          #expect(await Self.isAnswered(port, client))
          for suffix in ["pem", "key"] {
            try manager.removeItem(atPath: authority.path("server.\(suffix)"))
            try manager.copyItem(atPath: authority.path("other.\(suffix)"), toPath: authority.path("server.\(suffix)"))
          }
          try tls.reload()
          #expect(await Self.isAnswered(port, client))
          #expect(try await open.ask(Self.ping)["ok"] == 1.0)
        }
      }
    }
  }

  @Test("refuses keys others can read, keys of another certificate, and files that are none, by name")
  func files() async throws {
    try await withAuthority { authority in
      func failure(_ certificate: String, _ key: String, _ ca: String? = nil) -> String {
        do {
          _ = try DriverTLS(
            .required,
            files: .init(
              certificate: authority.path(certificate), key: authority.path(key),
              clientAuthority: ca.map { authority.path($0) }))
          return ""
        } catch { return error.description }
      }
      #expect(failure("server.pem", "server.key") == "")
      #expect(failure("server.pem", "other.key").contains("server.pem"))
      #expect(failure("none.pem", "server.key").contains("none.pem"))
      #expect(failure("server.pem", "server.pem").contains("server.pem"))
      #expect(failure("server.pem", "server.key", "san").contains("san"))
      #expect { try authority.server(.allowed, authority: "ca.pem") } throws: {
        ($0 as? ServerError)?.description.contains("caFile") ?? false
      }
      try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: authority.path("server.key"))
      #expect(failure("server.pem", "server.key").contains("chmod 600"))
    }
  }

  @Test("tells TLS from plaintext by the first bytes, however they arrive")
  func detection() {
    func isTLS(_ bytes: [UInt8]) -> Bool? { TLSDetector.isTLS(ByteBuffer(bytes: bytes)) }
    #expect(isTLS([]) == nil && isTLS([22]) == nil && isTLS([22, 3]) == nil)
    #expect(isTLS([22, 3, 1]) == true && isTLS([22, 3, 3, 0, 0]) == true)
    #expect(isTLS([22, 1]) == false && isTLS([22, 3, 0]) == false && isTLS([22, 3, 9]) == false)
    #expect(isTLS([21]) == false && isTLS(Wire.message(WireTests.ping)) == false)
    // A message of 22 + 256 n bytes begins like a TLS record, too.
    #expect(isTLS(Wire.int32(22 + 256) + Wire.int32(1)) == false)
  }

  @Test("closes a connection that says nothing in time, with and without TLS")
  func silence() async throws {
    var limits = ServerLimits()
    limits.firstMessageTime = .milliseconds(100)
    try await ServerTests.serving(limits: limits) { _, port in
      try await Client.with(port) { (client: inout Client) async throws -> Void in
        // It may be closed by then.
        try? await client.send([40, 0, 0, 0])
        #expect(try await client.receive() == nil)
      }
    }
    try await withAuthority { authority in
      try await ServerTests.serving(limits: limits, tls: try authority.server(.required)) { _, port in
        try await Client.with(port) { (client: inout Client) async throws -> Void in
          try? await client.send([22, 3])
          #expect(try await client.receive() == nil)
        }
      }
    }
  }
}

@Suite("An address that others can reach is not served before there is a user", .timeLimit(.minutes(10)))
struct FirstUserTests {
  /// An address of this machine that is not loopback; nil if it has none.
  private static var ownAddress: String? {
    try? System.enumerateDevices().compactMap(\.address).first { $0.protocol == .inet && $0.isReachable }?.ipAddress
  }

  @Test("binds it when the first user is there")
  func waits() async throws {
    guard let host = Self.ownAddress else { try Test.cancel("this machine has no address but loopback") }
    let engine = InMemoryEngine()
    let server = DocumentServer(
      engine: engine, host: host, port: 0, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    #expect(server.waitsForUser && server.authentication == .unknown)
    let (ports, bound) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { bound.finish() }
        try await server.run { port in
          // Never before the user is there.
          #expect(engine.writeCount == 1)
          bound.yield(port)
        }
      }
      await server.refreshUsers()
      #expect(server.authentication == .off && server.waitsForUser)
      let guarded = GuardedSession(engine)
      try await guarded.add("shop.alice", .read)
      for await port in ports {
        try await Client.with(port, host: host) { (client: inout Client) async throws -> Void in
          #expect(try await client.ask(["find": "c", "$db": "shop"]).number("code") == 13)
        }
        break
      }
      #expect(!server.waitsForUser && server.authentication == .on)
      server.shutdown()
      try await group.waitForAll()
    }
  }

  @Test("binds it at once where users are known, while the data that has them is closed, and lets nobody in")
  func knownUsers() async throws {
    guard let host = Self.ownAddress else { try Test.cancel("this machine has no address but loopback") }
    let engine = InMemoryEngine()
    engine.become(.unavailable(reason: "node-1 is disabled"))
    let server = DocumentServer(
      engine: engine, host: host, port: 0, knowsUsers: true,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try #require(!server.waitsForUser)
    #expect(server.authentication == .on && !server.showsUsers)
    let (ports, bound) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        defer { bound.finish() }
        try await server.run { bound.yield($0) }
      }
      for await port in ports {
        try await Client.with(port, host: host) { (client: inout Client) async throws -> Void in
          #expect(try await client.ask(WireTests.ping)["ok"] == 1.0)
          let refusal = try await client.ask(["find": "c", "$db": "shop"])
          #expect(refusal.number("code") == 13436 && refusal.text("errmsg").hasSuffix("node-1 is disabled"))
          // Data that is older than the users that were known.
          engine.become(.serving)
          #expect(try await client.ask(["find": "c", "$db": "shop"]).number("code") == 13)
          // It has no users, and yet nobody may send more than a login takes.
          try? await client.send(
            Wire.message([
              "find": "c", "filter": ["a": .binary(subtype: 0, bytes: [UInt8](repeating: 7, count: 100_000))],
              "$db": "shop",
            ]))
          #expect(try await client.receive() == nil)
        }
        break
      }
      #expect(server.authentication == .off && !server.waitsForUser)
      server.shutdown()
      try await group.waitForAll()
    }
  }

  @Test(
    "binds loopback always, another address by a user in the data or one that was known",
    arguments: [
      (false, false, nil, false, .unknown), (false, false, false, false, .off), (false, false, true, true, .on),
      (false, true, nil, true, .on), (false, true, false, true, .off), (false, true, true, true, .on),
      (true, false, nil, true, .unknown), (true, false, false, true, .off), (true, true, nil, true, .on),
    ] as [(Bool, Bool, Bool?, Bool, DriverAuthentication)])
  func rule(_ isLoopback: Bool, _ knows: Bool, _ shows: Bool?, _ binds: Bool, _ said: DriverAuthentication) {
    let rule = BindRule(isLoopback: isLoopback, knowsUsers: knows)
    #expect(rule.binds(isEnabled: shows) == binds && rule.authentication(isEnabled: shows) == said)
    #expect(rule.needsLogin == !isLoopback)
  }

  @Test("ends while it waits when it is told to")
  func endsWaiting() async throws {
    guard let host = Self.ownAddress else { try Test.cancel("this machine has no address but loopback") }
    let server = DocumentServer(
      engine: InMemoryEngine(), host: host, port: 0, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    server.shutdown()
    try await server.run { _ in Issue.record("it must not bind") }
  }
}

extension SocketAddress {
  fileprivate var isReachable: Bool { ipAddress.map { !$0.hasPrefix("127.") && !$0.hasPrefix("169.254.") } ?? false }
}
