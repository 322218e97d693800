// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import Secrets
import Testing

@testable import KeyManagement

/// One key file for all: its key takes a while to make.
private let accountFile = Result { try TestAccount().file }

/// Everybody who is asked before a key is unwrapped: the three services, and whoever issues credentials for them.
enum MatrixParty: String, CaseIterable, Sendable {
  case kms, sts, instanceMetadata, vault, entra, azureMetadata, cloudKMS, googleTokens, googleMetadata

  /// Whether it says something of a key; the others only give credentials.
  var isService: Bool { [.kms, .vault, .cloudKMS].contains(self) }
  /// Whether it is of this machine: what it says is no fact of the provider's.
  var isMachine: Bool { [.instanceMetadata, .azureMetadata, .googleMetadata].contains(self) }

  /// What stands in the URL of a question to it, and of no other.
  var part: String {
    switch self {
    case .kms: "kms."
    case .sts: "sts."
    case .instanceMetadata: "security-credentials/machine-role"
    case .vault: "/unwrapkey"
    case .entra: "/oauth2/v2.0/token"
    case .azureMetadata: "metadata/identity"
    case .cloudKMS: ":decrypt"
    case .googleTokens: "oauth2.googleapis.com"
    case .googleMetadata: "metadata.google.internal"
    }
  }

  var settings: KMSSettings {
    switch self {
    case .kms, .sts: return Clouds.awsRole
    case .instanceMetadata:
      var settings = Clouds.awsRole
      settings.credentials = .awsRole(arn: Clouds.role, externalID: nil, accessKeyID: nil)
      return settings
    case .vault, .entra: return Clouds.azure
    case .azureMetadata:
      var settings = Clouds.azure
      settings.credentials = .azureManagedIdentity(clientID: nil)
      return settings
    case .cloudKMS, .googleMetadata: return Clouds.google
    case .googleTokens:
      var settings = Clouds.google
      settings.credentials = .googleServiceAccount
      return settings
    }
  }

  var blob: WrappedMasterKey {
    switch settings.provider {
    case .aws: Clouds.awsBlob
    case .azure: Clouds.azureBlob
    case .gcp: Clouds.googleBlob
    }
  }

  /// What unwraps where all is well: Azure's payload has the facts inside that it is bound to.
  func wrapped(by service: any KeyManagementService) async throws -> WrappedMasterKey {
    guard settings.provider == .azure else { return blob }
    return try await service.wrap(
      try SecretBytes.random(count: 32), context: ScriptedCloud.context, deadline: .seconds(60))
  }

  /// A cloud in which all is well, and a service that asks it.
  func scene() throws -> (ScriptedCloud, any KeyManagementService) {
    let cloud = ScriptedCloud()
    switch settings.provider {
    case .aws:
      cloud.on("latest/api/token", 200, "imds-token")
      cloud.on("security-credentials/", 200, "machine-role")
      cloud.on("security-credentials/machine-role") { _ in
        cloud.answer(
          200,
          #"{"Code":"Success","AccessKeyId":"ASIAMACHINE","SecretAccessKey":"m","Token":"t","Expiration":"#
            + #""\#(CivilTime(seconds: cloud.now + 3600).extended)"}"#)
      }
      cloud.on("sts.") { _ in cloud.answer(200, Clouds.session(cloud)) }
      cloud.on("kms.") { _ in cloud.answer(200, Clouds.awsPlaintext) }
    case .azure:
      Clouds.vault(cloud)
      cloud.on("metadata/identity", 200, Clouds.token)
    case .gcp:
      Clouds.account(cloud)
      cloud.on("oauth2.googleapis.com", 200, Clouds.token)
    }
    let secret =
      switch self {
      case .googleTokens: try accountFile.get()
      default: settings.credentials.hasSecret ? "secret" : nil as String?
      }
    return (cloud, try cloud.service(settings, secret: secret))
  }
}

/// The cases of the design's table (section 6).
enum MatrixCase: String, CaseIterable, Sendable {
  case keyDisabled, keyPendingDeletion, keyDestroyed, keyNotFound
  case credentialsRefused, accessDenied
  case network, tls, timeout, throttled, serviceError, malformedAnswer, clockSkew, credentialsExpired, perimeter
  case unlisted, corruptBlob

  var expected: MatrixRow.Expected {
    switch self {
    case .keyDisabled: .revoked(.keyDisabled)
    case .keyPendingDeletion: .revoked(.keyPendingDeletion)
    case .keyDestroyed, .keyNotFound: .revoked(.keyNotFound)
    case .credentialsRefused: .revoked(.credentialsRefused)
    case .accessDenied: .revoked(.accessDenied)
    case .network, .perimeter: .unreachable(.network)
    case .tls: .unreachable(.tls)
    case .timeout: .unreachable(.timeout)
    case .throttled: .unreachable(.throttled)
    case .serviceError: .unreachable(.service)
    case .malformedAnswer: .unreachable(.malformedAnswer)
    case .clockSkew: .unreachable(.clockSkew)
    case .credentialsExpired: .unreachable(.credentialsExpired)
    case .unlisted: .unreachable(.unlisted)
    case .corruptBlob: .noVerdict
    }
  }
}

/// How one party says one case.
struct MatrixRow: Sendable, CustomTestStringConvertible {
  enum Expected: Equatable, Sendable {
    case revoked(RevocationReason)
    case unreachable(OutageReason)
    case noVerdict
  }

  enum Saying: Sendable {
    case answer(Int, String, [(name: String, value: String)])
    case failure(KMSError.Kind)
  }

  let party: MatrixParty
  let row: MatrixCase
  let saying: Saying

  var testDescription: String { "\(party.rawValue): \(row.rawValue)" }

  func verdict() async throws -> Expected? {
    let (cloud, service) = try party.scene()
    switch saying {
    case .answer(let status, let body, let headers): cloud.on(party.part) { _ in cloud.answer(status, body, headers) }
    case .failure(let kind): cloud.on(party.part) { _ in .failure(HTTPFailure(kind, "told to")) }
    }
    return Self.expected(await cloud.failure(service, party.blob))
  }

  static func expected(_ error: KMSError?) -> Expected? {
    guard let error else { return nil }
    switch error.verdict {
    case .valid: return nil
    case .revoked(let reason, _): return .revoked(reason)
    case .unreachable(let reason, _): return .unreachable(reason)
    case nil: return .noVerdict
    }
  }
}

@Suite("Every case of the design's table, said by everybody who can say it")
struct VerdictMatrixTests {
  /// What cannot be said, and why; all else has to have a row.
  private static func unsaid(_ party: MatrixParty, _ row: MatrixCase) -> String? {
    switch row {
    case .keyDisabled, .keyPendingDeletion, .keyDestroyed, .keyNotFound, .corruptBlob:
      if !party.isService { return "an issuer knows no keys" }
      if party == .kms, row == .keyPendingDeletion { return "only 'an invalid state', for which the key is asked" }
      if row == .keyDestroyed, party != .cloudKMS { return "a destroyed key is not found" }
      return nil
    case .credentialsRefused, .clockSkew:
      return party.isMachine ? "the machine is trusted for itself, and has our clock" : nil
    case .accessDenied: return [.kms, .sts, .vault, .cloudKMS].contains(party) ? nil : "no rights are given there"
    case .perimeter:
      return [.vault, .entra, .cloudKMS].contains(party)
        ? nil : "AWS says it with the type of a policy's refusal; the others have no perimeter of their own"
    case .credentialsExpired:
      return [.kms, .sts, .cloudKMS].contains(party) ? nil : "told by 401 or by the token's own end"
    default: return nil
    }
  }

  private static let rows: [MatrixRow] = MatrixParty.allCases.flatMap { party in
    MatrixCase.allCases.flatMap { row in Sayings.all(party, row).map { MatrixRow(party: party, row: row, saying: $0) } }
  }

  @Test("has a row wherever something can be said, and a reason everywhere else")
  func complete() {
    for party in MatrixParty.allCases {
      for row in MatrixCase.allCases {
        let isSaid = !Sayings.all(party, row).isEmpty
        #expect(isSaid == (Self.unsaid(party, row) == nil), "\(party.rawValue) \(row.rawValue)")
      }
    }
  }

  @Test("where all is well the key is unwrapped", arguments: MatrixParty.allCases)
  func control(party: MatrixParty) async throws {
    let (cloud, service) = try party.scene()
    #expect(await cloud.failure(service, try await party.wrapped(by: service)) == nil)
    #expect(!cloud.questions(party.part).isEmpty, "it was never asked")
  }

  @Test("each row", arguments: MatrixParty.allCases)
  func row(party: MatrixParty) async throws {
    for row in Self.rows where row.party == party {
      let verdict = try await row.verdict()
      #expect(verdict == row.row.expected, "\(row.testDescription): \(row.saying)")
    }
  }

  @Test(
    "temporary credentials that have expired while their issuer is away are an outage, however long it lasts",
    arguments: MatrixParty.allCases.filter { !$0.isService })
  func issuerAway(party: MatrixParty) async throws {
    for kind in [KMSError.Kind.network, .tls, .timeout] {
      let (cloud, service) = try party.scene()
      let blob = try await party.wrapped(by: service)
      #expect(await cloud.failure(service, blob) == nil)
      cloud.on(party.part) { _ in .failure(HTTPFailure(kind, "away")) }
      // Still held, but older than a check's interval: used on.
      cloud.pass(700)
      #expect(await cloud.failure(service, blob) == nil, "what holds is used on")
      cloud.pass(100_000)
      for _ in 0..<3 {
        #expect(
          MatrixRow.expected(await cloud.failure(service, blob)) == .unreachable(.credentialsExpired), "\(kind)")
        cloud.pass(900)
      }
    }
  }

  @Test("no word that a provider's table knows is without a row here or in the table of types")
  func words() {
    let said = Self.rows.compactMap { if case .answer(_, let body, _) = $0.saying { body } else { nil } }.joined()
    let tables: [(String, [String])] = [
      ("vault, inner", Array(AzureErrorTable.inner.keys)),
      ("Entra", AzureErrorTable.entraNumbers.keys.map { "\($0)" }),
      ("Google, violations", Array(GoogleErrorTable.violations.keys)),
      ("Google, tokens", Array(GoogleAccountTokens.words.keys)),
    ]
    let elsewhere: Set = ["700024", "temporarily_unavailable"]
    for (name, words) in tables {
      for word in words where !said.contains(word) { #expect(elsewhere.contains(word), "\(name): \(word)") }
    }
  }
}
