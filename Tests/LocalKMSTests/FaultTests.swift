// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Foundation
import KeyManagement
import LocalKMS
import Secrets
import Testing

@Suite("Faults of a local KMS")
struct FaultTests {
  /// Sends a request without credentials in a dialect; answers what comes back.
  private func ask(_ kms: RunningKMS, _ line: String) async throws -> String {
    let text = "\(line) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    return try await HostileClientTests().exchange(kms, Array(text.utf8))
  }

  private let vault = "GET /keys?api-version=7.4"
  private let google = "GET /v1/projects/p/locations/l/keyRings"
  private let aws = "POST /"

  @Test(
    "errors, throttling and a firewall's refusal come in the dialect's own shape",
    arguments: [
      (
        LocalKMSFault(.error, value: 503), "GET /keys?api-version=7.4", "503", #"{"error":{"code":"ServiceUnavailable""#
      ),
      (LocalKMSFault(.error, value: 500), "POST /", "500", #"{"__type":"KMSInternalException""#),
      (LocalKMSFault(.error, value: 503), "GET /v1/projects/p/locations/l/keyRings", "503", #""status":"UNAVAILABLE""#),
      (LocalKMSFault(.throttle, value: 7), "GET /keys?api-version=7.4", "429", #"{"error":{"code":"Throttled""#),
      (LocalKMSFault(.throttle, value: 7), "POST /", "400", #"{"__type":"ThrottlingException""#),
      (
        LocalKMSFault(.throttle, value: 7), "GET /v1/projects/p/locations/l/keyRings", "429",
        #""status":"RESOURCE_EXHAUSTED""#
      ),
      (LocalKMSFault(.deny), "GET /keys?api-version=7.4", "403", #""innererror":{"code":"ForbiddenByFirewall"}"#),
      (LocalKMSFault(.deny), "POST /", "400", "VPC endpoint policy"),
      (LocalKMSFault(.deny), "GET /v1/projects/p/locations/l/keyRings", "403", #""reason":"SECURITY_POLICY_VIOLATED""#),
      (LocalKMSFault(.deny), "POST /t/oauth2/v2.0/token", "400", "AADSTS53003"),
      (LocalKMSFault(.garbage), "POST /", "200", "<html>"),
    ])
  func shapes(fault: LocalKMSFault, line: String, status: String, words: String) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      _ = try await kms.admin.setFault(fault)
      let answer = try await ask(kms, line)
      #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
      #expect(answer.contains(words), "\(answer)")
      #expect(answer.contains("Retry-After: 7\r\n") == (fault.kind == .throttle), "\(answer)")
    }
  }

  @Test("a fault of a region strikes what is signed for it, and nothing else")
  func region() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let key = try await kms.admin.createKey(isMultiRegion: true).keyID
      let replica = try await kms.admin.replicate(key, to: "eu-central-1").keyID
      var away = kms.settings(replica)
      away.region = "eu-central-1"
      let elsewhere = try kms.factory.makeService(settings: away, secret: kms.credentials.secretKey)
      let home = try kms.service(key)
      func describe(_ service: any KeyManagementService) async -> KMSError? {
        await kmsError { () async throws(KMSError) in _ = try await service.describe(deadline: .seconds(300)) }
      }
      let number = try await kms.admin.setFault(LocalKMSFault(.error, value: 503, region: kms.ready.region))
      #expect(try await kms.admin.faults().map(\.region) == [kms.ready.region])
      #expect(await describe(home)?.kind == .service)
      #expect(await describe(elsewhere) == nil)
      #expect(try await ask(kms, vault).hasPrefix("HTTP/1.1 401 "), "other dialects have no regions")
      try await kms.admin.clearFaults(number)
      #expect(await describe(home) == nil)
      await #expect(throws: LocalKMSError.self) {
        try await kms.admin.setFault(LocalKMSFault(.error, value: 503, dialect: "azure", region: "eu-central-1"))
      }
    }
  }

  @Test("a fault ends with its count, its time and clear, and concerns its dialect and callers only")
  func limits() async throws {
    let folder = TestFolder()
    let clock = TestClock()
    let (vault, google) = (vault, google)
    try await withLocalKMS(folder.path, serverClock: clock) { kms in
      _ = try await kms.admin.setFault(LocalKMSFault(.error, value: 503, count: 2))
      for expected in ["503", "503", "401"] {
        #expect(try await ask(kms, vault).hasPrefix("HTTP/1.1 \(expected) "))
      }
      #expect(try await kms.admin.faults().isEmpty)

      _ = try await kms.admin.setFault(LocalKMSFault(.error, value: 503, dialect: "azure"), lasting: .seconds(600))
      #expect(try await ask(kms, vault).hasPrefix("HTTP/1.1 503 "))
      #expect(try await ask(kms, google).hasPrefix("HTTP/1.1 401 "))
      clock.set(offsetSeconds: 601)
      #expect(try await ask(kms, vault).hasPrefix("HTTP/1.1 401 "))
      clock.set(offsetSeconds: 0)

      _ = try await kms.admin.setFault(LocalKMSFault(.deny, client: "127.0.0.64/26"))
      #expect(try await ask(kms, vault).hasPrefix("HTTP/1.1 401 "))
      let number = try await kms.admin.setFault(LocalKMSFault(.deny, client: "127.0.0.0/26"))
      #expect(try await ask(kms, vault).hasPrefix("HTTP/1.1 403 "))
      try await kms.admin.clearFaults(number)
      #expect(try await ask(kms, vault).hasPrefix("HTTP/1.1 401 "))
      #expect(try await kms.admin.faults().map(\.client) == ["127.0.0.64/26"])
    }
    try await withLocalKMS(folder.path) { kms in
      let faults = try await kms.admin.faults()
      #expect(faults.isEmpty)
    }
  }

  @Test("values out of range and unknown words are refused")
  func refusals() async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      for fault in [
        LocalKMSFault(.error, value: 200), LocalKMSFault(.latency), LocalKMSFault(.deny, dialect: "oracle"),
        LocalKMSFault(.deny, client: "127.0.0.1/33"), LocalKMSFault(.deny, client: "here"),
        LocalKMSFault(.reset, count: 0), LocalKMSFault(.wrongCertificate, dialect: "aws"),
      ] {
        let error = await #expect(throws: LocalKMSError.self) { try await kms.admin.setFault(fault) }
        #expect(error?.code == .invalid)
      }
    }
  }

  /// A key of a server, and a blob it wrapped.
  private func wrapped(_ kms: RunningKMS) async throws -> (any KeyManagementService, WrappedMasterKey) {
    let service = try kms.service(try await kms.admin.createKey().keyID)
    let blob = try await service.wrap(
      try SecretBytes.random(count: 32), context: nodeContext, deadline: .seconds(300))
    return (service, blob)
  }

  @Test(
    "our own client sees each fault as an outage, never as a revocation, and is well once it is cleared",
    arguments: LocalKMSFault.Kind.allCases)
  func verdicts(kind: LocalKMSFault.Kind) async throws {
    let folder = TestFolder()
    try await withLocalKMS(folder.path) { kms in
      let (service, blob) = try await wrapped(kms)
      let values: [LocalKMSFault.Kind: Int] = [.latency: 5000, .error: 500, .throttle: 1, .clockSkew: 3600]
      _ = try await kms.admin.setFault(LocalKMSFault(kind, value: values[kind] ?? 0))
      let error = await kmsError { () async throws(KMSError) in
        _ = try await service.unwrap(blob, context: nodeContext, deadline: .seconds(2))
      }
      switch error?.verdict {
      case .unreachable: break
      // A firewall of AWS's is an access refused, which no single vantage point is believed.
      case .revoked where kind == .deny: break
      default: Issue.record("\(kind): \(String(describing: error))")
      }
      // The operator is not touched.
      #expect(try await kms.admin.keys().count == 1)
      try await kms.admin.clearFaults()
      _ = try await service.unwrap(blob, context: nodeContext, deadline: .seconds(300))
    }
  }

  @Test("a wrong clock stands in the Date header and deletes no key before its time")
  func clockSkew() async throws {
    let folder = TestFolder()
    let (vault, clock) = (vault, TestClock())
    try await withLocalKMS(folder.path, serverClock: clock) { kms in
      let key = try await kms.admin.createKey().keyID
      try await kms.admin.scheduleDeletion(key, days: 7)
      _ = try await kms.admin.setFault(LocalKMSFault(.clockSkew, value: 31_536_000))
      var calendar = Calendar(identifier: .gregorian)
      calendar.timeZone = .gmt
      let inYears = { calendar.component(.year, from: Date().addingTimeInterval(31_536_000)) }
      let before = inYears()
      let answer = try await ask(kms, vault)
      #expect((before...inYears()).contains { answer.contains(" \($0) ") }, "\(answer)")
      #expect(try await kms.admin.describe(key).state == .pendingDeletion)
    }
  }
}
