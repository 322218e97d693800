// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import KeyManagement
import Secrets
import Synchronization
import Testing

/// A region that answers as it is told, and counts.
private final class Region: KeyManagementService {
  private let failure: Mutex<KMSError.Kind?>
  private let count = Mutex(0)
  let byte: UInt8

  init(_ byte: UInt8, _ failure: KMSError.Kind? = nil) {
    self.byte = byte
    self.failure = Mutex(failure)
  }

  var calls: Int { count.withLock { $0 } }
  func fail(_ kind: KMSError.Kind?) { failure.withLock { $0 = kind } }

  func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey
  {
    count.withLock { $0 += 1 }
    if let kind = failure.withLock({ $0 }) { throw KMSError(kind, operation: .wrap, keyID: "k", detail: "") }
    return blob
  }

  func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes
  {
    count.withLock { $0 += 1 }
    if let kind = failure.withLock({ $0 }) { throw KMSError(kind, operation: .unwrap, keyID: "k", detail: "\(byte)") }
    do { return try SecretBytes(copying: [byte]) } catch {
      throw KMSError(.localFailure, operation: .unwrap, keyID: "k", detail: "\(error)")
    }
  }

  func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    throw KMSError(.service, operation: .describe, keyID: "k", detail: "")
  }
}

private let blob = WrappedMasterKey(
  provider: .aws, keyID: "k", keyVersion: "", region: "r", createdAtMilliseconds: 0, blob: [1])

@Suite("Other regions of a key stand in for its own on an outage only")
struct FallbackTests {
  private static let context = KeyContext(
    project: ProjectName(checked: "shop"), cluster: nil, node: nil, purpose: .probe)

  private func unwrap(_ service: FallbackService) async throws(KMSError) -> UInt8? {
    let key = try await service.unwrap(blob, context: Self.context, deadline: .seconds(300))
    return key.withBytes { $0.byteCount == 1 ? unsafe $0.unsafeLoad(as: UInt8.self) : nil }
  }

  private func service(_ own: Region, _ others: Region...) -> FallbackService {
    FallbackService(
      own: own, replicas: others.map { FallbackService.Replica(region: "r-\($0.byte)", service: $0) })
  }

  @Test("asks nobody else while the key's own region answers")
  func own() async throws {
    let (own, other) = (Region(1), Region(2))
    let all = service(own, other)
    #expect(try await unwrap(all) == 1 && other.calls == 0 && all.answeredElsewhere == nil)
  }

  @Test(
    "asks the others in their order, and says which answered",
    arguments: [.network, .tls, .timeout, .throttled, .service] as [KMSError.Kind])
  func outage(_ kind: KMSError.Kind) async throws {
    let (own, first, second) = (Region(1, kind), Region(2, .network), Region(3))
    let all = service(own, first, second)
    #expect(try await unwrap(all) == 3 && first.calls == 1 && all.answeredElsewhere == "r-3")
    own.fail(nil)
    #expect(try await unwrap(all) == 1 && all.answeredElsewhere == nil)
  }

  @Test(
    "never asks elsewhere what the key's own region refused or could not be asked properly",
    arguments: KMSError.Kind.allCases.filter {
      ![.network, .privateNetwork, .tls, .timeout, .throttled, .service].contains($0)
    })
  func refused(_ kind: KMSError.Kind) async throws {
    let (own, other) = (Region(1, kind), Region(2))
    await #expect(throws: KMSError(kind, operation: .unwrap, keyID: "k", detail: "1")) {
      _ = try await unwrap(service(own, other))
    }
    #expect(other.calls == 0)
  }

  @Test("a refusal elsewhere is no word of the key: the outage of its own region stands")
  func refusedElsewhere() async throws {
    let all = service(Region(1, .timeout), Region(2, .keyDisabled))
    await #expect(throws: KMSError(.timeout, operation: .unwrap, keyID: "k", detail: "1")) {
      _ = try await unwrap(all)
    }
  }

  @Test("wraps in the key's own region alone")
  func wraps() async throws {
    let (own, other) = (Region(1, .network), Region(2))
    let all = service(own, other)
    await #expect(throws: KMSError.self) {
      _ = try await all.wrap(try SecretBytes(copying: [1]), context: Self.context, deadline: .seconds(1))
    }
    #expect(other.calls == 0)
  }

  @Test("settings name replicas of multi-Region keys only, each region once")
  func settings() throws {
    func settings(_ id: String, _ regions: [String]) -> KMSSettings {
      var settings = KMSSettings(provider: .aws, keyID: id, region: "eu-central-1", accessKeyID: "AKIA")
      settings.replicas = regions.map { KMSReplica(region: $0) }
      return settings
    }
    let multi = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1"
    try settings(multi, ["eu-west-1", "us-east-1"]).validate()
    #expect(
      settings(multi, ["eu-west-1"]).settings(of: KMSReplica(region: "eu-west-1"))?.keyID
        == "arn:aws:kms:eu-west-1:111122223333:key/mrk-1")
    for (id, regions) in [
      ("arn:aws:kms:eu-central-1:111122223333:key/one", ["eu-west-1"]), (multi, ["eu-central-1"]),
      (multi, ["eu-west-1", "eu-west-1"]), (multi, ["a", "b", "c", "d", "e"]), (multi, [""]),
    ] {
      #expect(throws: ModelError.self) { try settings(id, regions).validate() }
    }
  }
}
