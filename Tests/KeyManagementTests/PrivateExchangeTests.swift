// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import Secrets
import Synchronization
import Testing

@testable import KeyManagement

/// Answers look-ups from a list, the last one again and again, and remembers what was asked.
private final class ListedNames: HostResolver {
  private let state: Mutex<(answers: [String: [[String]]], asked: [String])>

  init(_ answers: [String: [[String]]]) { state = Mutex((answers, [])) }

  var asked: [String] { state.withLock { $0.asked } }

  func addresses(of host: String, within timeout: Duration) async throws(HTTPFailure) -> [IPAddress] {
    let found = state.withLock { state -> [String] in
      state.asked.append(host)
      guard let first = state.answers[host]?.first else { return [] }
      if state.answers[host]?.count ?? 0 > 1 { state.answers[host]?.removeFirst() }
      return first
    }
    return found.compactMap { IPAddress($0) }
  }
}

/// Remembers where it was to connect, and answers by address.
private final class Connections: Sendable {
  private struct Line: HTTPExchange {
    let answer: Result<HTTPAnswer, HTTPFailure>
    func send(_ question: HTTPQuestion, timeout: Duration) async throws(HTTPFailure) -> HTTPAnswer { try answer.get() }
  }

  private let made = Mutex<[String]>([])
  let failures: [String: KMSError.Kind]

  init(failures: [String: KMSError.Kind] = [:]) { self.failures = failures }

  var places: [String] { made.withLock { $0 } }

  func connect(_ host: String, _ address: IPAddress) -> any HTTPExchange {
    made.withLock { $0.append("\(host) at \(address)") }
    let failure = failures[address.description].map { HTTPFailure($0, "failed") }
    let answer = HTTPAnswer(status: 200, headers: [], body: ByteBuffer())
    return Line(answer: failure.map { .failure($0) } ?? .success(answer))
  }
}

@Suite("Where private networking is required nothing is sent outside the private ranges")
struct PrivateExchangeTests {
  private let question = HTTPQuestion(.post, "https://kms.internal:7443/", headers: [])

  private func exchange(_ names: ListedNames, _ connections: Connections) throws -> PrivateExchange {
    PrivateExchange(
      ranges: [try IPRange("10.0.0.0/8"), try IPRange("fd00::/8")], resolver: names,
      connect: { connections.connect($0, $1) })
  }

  private func failure(_ exchange: PrivateExchange) async -> HTTPFailure? {
    do throws(HTTPFailure) { _ = try await exchange.send(question, timeout: .seconds(300)) } catch { return error }
    return nil
  }

  @Test("connects to an address that was checked, looked up once: a name that changes its address changes nothing")
  func rebinding() async throws {
    let names = ListedNames(["kms.internal": [["10.0.0.5"], ["203.0.113.9"]]])
    let connections = Connections()
    let exchange = try exchange(names, connections)
    #expect(await failure(exchange) == nil)
    #expect(names.asked == ["kms.internal"] && connections.places == ["kms.internal at 10.0.0.5"])
    #expect(await failure(exchange)?.kind == .privateNetwork)
    #expect(connections.places.count == 1)
  }

  @Test(
    "one address outside is enough to send nothing",
    arguments: [
      ["203.0.113.9"], ["10.0.0.5", "203.0.113.9"], ["2001:db8::1", "10.0.0.5"], ["::ffff:203.0.113.9"],
      ["169.254.169.254"],
      ["127.0.0.1"],
    ])
  func outside(_ addresses: [String]) async throws {
    let names = ListedNames(["kms.internal": [addresses]])
    let connections = Connections()
    let failure = await failure(try exchange(names, connections))
    #expect(failure?.kind == .privateNetwork && connections.places.isEmpty)
    #expect(failure?.detail.contains("nothing was sent") == true && failure?.detail.contains("10.0.0.0/8") == true)
  }

  @Test("goes on to the next checked address only if the one before can't be connected to")
  func nextAddress() async throws {
    for (kind, places) in [(KMSError.Kind.network, 2), (.tls, 1), (.timeout, 1)] {
      let connections = Connections(failures: ["10.0.0.5": kind])
      let names = ListedNames(["kms.internal": [["10.0.0.5", "::ffff:10.0.0.6"]]])
      let failure = await failure(try exchange(names, connections))
      #expect(connections.places.count == places && (failure?.kind == kind) == (places == 1))
    }
    let none = await failure(try exchange(ListedNames([:]), Connections()))
    #expect(none?.kind == .network)
  }

  @Test(
    "reads the host that is connected to, or none",
    arguments: [
      ("https://kms.internal", "kms.internal"), ("https://KMS.internal:443/x?y", "KMS.internal"),
      ("https://[fd00::1]:7443/", "fd00::1"), ("https://10.0.0.1/token", "10.0.0.1"), ("https://a@b/", nil),
      ("https://a%2eb/", nil), ("https://[fd00::1", nil), ("https:///x", nil), ("kms", nil), ("https://a\\b/", nil),
    ] as [(String, String?)])
  func hosts(_ url: String, _ host: String?) {
    #expect(PrivateExchange.host(of: url) == host)
  }

  private func settings(_ credentials: KMSCredentials, endpoint: String) throws -> KMSSettings {
    var settings = KMSSettings(
      provider: .aws, keyID: RetryTests.arn, region: "us-east-1", endpoint: endpoint, credentials: credentials)
    settings.privateRanges = [try IPRange("10.0.0.0/8")]
    return settings
  }

  @Test("is an outage with a reason of its own, never a revocation; the endpoint's addresses are shown")
  func verdict() async throws {
    let factory = KeyManagementFactory(resolver: ListedNames(["kms.public": [["203.0.113.9", "10.0.0.1"]]]))
    let settings = try settings(.awsAccessKey(id: "AKIA"), endpoint: "https://kms.public:7443")
    let service = try factory.makeService(
      settings: settings, secret: Secret(try SecretBytes(copying: Array("secret".utf8))))
    let error = await #expect(throws: KMSError.self) {
      _ = try await service.unwrap(RetryTests.wrapped, context: RetryTests.context, deadline: .seconds(300))
    }
    guard case .unreachable(.privateNetworking, _)? = error?.verdict else {
      Issue.record("\(String(describing: error))")
      return await factory.shutdown()
    }
    let shown = factory.endpoints(of: settings)
    #expect(shown.map(\.host) == ["kms.public"] && shown.first?.outside.map(\.description) == ["203.0.113.9"])
    await factory.shutdown()
  }

  @Test("holds for the issuer of credentials as for the KMS; the provider's own public one is refused")
  func issuer() async throws {
    let names = ListedNames([
      "kms.private": [["10.0.0.1"]], "sts.us-east-1.amazonaws.com": [["203.0.113.7"]],
    ])
    let factory = KeyManagementFactory(resolver: names)
    let role = KMSCredentials.awsRole(
      arn: "arn:aws:iam::111122223333:role/r", externalID: nil, accessKeyID: "AKIA")
    let service = try factory.makeService(
      settings: try settings(role, endpoint: "https://kms.private:7443"),
      secret: Secret(try SecretBytes(copying: Array("secret".utf8))))
    let error = await #expect(throws: KMSError.self) {
      _ = try await service.unwrap(RetryTests.wrapped, context: RetryTests.context, deadline: .seconds(300))
    }
    #expect(error?.kind == .privateNetwork && names.asked == ["sts.us-east-1.amazonaws.com"], "\(names.asked)")
    await factory.shutdown()
  }

  @Test("the machine's metadata service may be link-local, and nothing else of it outside the ranges")
  func metadata() throws {
    for (address, isNear) in [
      ("169.254.169.254", true), ("127.0.0.1", true), ("fd00:ec2::254", true), ("fe80::1", true), ("::1", true),
      ("203.0.113.1", false), ("10.0.0.1", false), ("fd00:ec2::253", false),
    ] {
      let address = try #require(IPAddress(address))
      #expect(PrivateExchange.near.contains { $0.contains(address) } == isNear, "\(address)")
    }
  }
}

@Suite("The system's names")
struct SystemResolverTests {
  @Test("an address is its own, a name has addresses, no name none")
  func lookUp() async throws {
    #expect(try await SystemResolver().addresses(of: "192.0.2.1", within: .seconds(300)) == [IPAddress("192.0.2.1")])
    let local = try await SystemResolver().addresses(of: "localhost", within: .seconds(300))
    #expect(!local.isEmpty && local.allSatisfy { $0.isLocalhost })
    await #expect(throws: HTTPFailure.self) {
      _ = try await SystemResolver().addresses(of: "no-such-name.invalid", within: .seconds(300))
    }
  }
}
