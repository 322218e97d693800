// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import Secrets
import Synchronization

@testable import KeyManagement

/// A cloud that answers as a test tells it to, and remembers what it was asked.
final class ScriptedCloud: HTTPExchange {
  typealias Answer = @Sendable (HTTPQuestion) -> Result<HTTPAnswer, HTTPFailure>

  private struct State {
    var routes: [(part: String, answer: Answer)] = []
    var questions: [HTTPQuestion] = []
    var now: Int64 = 1_440_938_160  // Sun, 30 Aug 2015 12:36:00 GMT
    var records: [KMSCallRecord] = []
    var rests: [Duration] = []
  }

  private let state = Mutex(State())

  /// Answers every question whose URL has `part` in it; the latest route for a part counts.
  func on(_ part: String, _ answer: @escaping Answer) {
    state.withLock { state in
      state.routes.removeAll { $0.part == part }
      state.routes.append((part, answer))
    }
  }

  /// Answers with the same status and body each time, with a Date that goes with the clock.
  func on(_ part: String, _ status: Int, _ body: String, headers: [(name: String, value: String)] = []) {
    on(part) { _ in self.answer(status, body, headers) }
  }

  func answer(_ status: Int, _ body: String, _ headers: [(name: String, value: String)] = []) -> Result<
    HTTPAnswer, HTTPFailure
  > {
    let date = headers.contains { $0.name == "Date" } ? [] : [(name: "Date", value: CivilTime(seconds: now).httpDate)]
    return .success(HTTPAnswer(status: status, headers: date + headers, body: ByteBuffer(string: body)))
  }

  /// The time of the cloud and of its client, seconds since 1970.
  var now: Int64 { state.withLock { $0.now } }
  func pass(_ seconds: Int64) { state.withLock { $0.now += seconds } }

  var questions: [HTTPQuestion] { state.withLock { $0.questions } }
  /// The requests whose URL has `part` in it.
  func questions(_ part: String) -> [HTTPQuestion] { questions.filter { $0.url.contains(part) } }
  /// What the client said of its calls to the KMS itself.
  var records: [KMSCallRecord] { state.withLock { $0.records } }
  /// The pauses it made between attempts.
  var rests: [Duration] { state.withLock { $0.rests } }

  func send(_ question: HTTPQuestion, timeout: Duration) async throws(HTTPFailure) -> HTTPAnswer {
    let answer = state.withLock { state -> Answer? in
      state.questions.append(question)
      return state.routes.last { question.url.contains($0.part) }?.answer
    }
    guard let answer else { throw HTTPFailure(.network, "nothing is scripted for \(question.url)") }
    return try answer(question).get()
  }

  /// The service of settings, with this cloud as the whole network; attempts follow each other without a pause.
  func service(
    _ settings: KMSSettings, secret: String? = nil, budget: CallBudget = CallBudget(), signer: (any RoleSigner)? = nil
  ) throws -> any KeyManagementService {
    try ServiceParts(
      settings: settings, secret: try secret.map { Secret(try SecretBytes(copying: Array($0.utf8))) },
      sessionToken: nil, signer: signer, exchange: self, systemExchange: self, metadataExchange: self,
      clock: WallClock { self.now * 1000 }, budget: budget,
      onCall: { record in self.state.withLock { $0.records.append(record) } }, jitter: { 0 },
      rest: { pause in self.state.withLock { $0.rests.append(pause) } }
    ).service()
  }

  /// What unwrapping fails with; nil if it does not fail.
  func failure(_ service: any KeyManagementService, _ wrapped: WrappedMasterKey, deadline: Duration = .seconds(300))
    async -> KMSError?
  {
    do {
      _ = try await service.unwrap(wrapped, context: Self.context, deadline: deadline)
      return nil
    } catch { return error }
  }

  static let context = KeyContext(
    project: ProjectName(checked: "shop"), cluster: ClusterName(checked: "orders"),
    node: NodeName(checked: "orders-1"), purpose: .masterKey)
}

extension HTTPQuestion {
  var text: String { body.map { String(buffer: $0) } ?? "" }

  func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// A vault of Azure, an account of Google and a key of AWS, with settings that reach them.
enum Clouds {
  static let azureKey = "https://shop.vault.azure.net/keys/cmk/0123456789abcdef0123456789abcdef"
  static let tenant = "11111111-2222-3333-4444-555555555555"
  static let azure = KMSSettings(
    provider: .azure, keyID: azureKey, region: "",
    credentials: .azureClientSecret(tenant: tenant, clientID: "app-1"))
  static let azureSecret = "s3cr~t+/%&="
  static let azureBlob = WrappedMasterKey(
    provider: .azure, keyID: azureKey, keyVersion: "0123456789abcdef0123456789abcdef", region: "",
    createdAtMilliseconds: 0, blob: [1, 2, 3])
  static let challenge = (
    name: "WWW-Authenticate",
    value: #"Bearer authorization="https://login.microsoftonline.com/\#(tenant)", resource="https://vault.azure.net""#
  )

  static let googleKey = "projects/p-1/locations/europe-west3/keyRings/ring/cryptoKeys/cmk/cryptoKeyVersions/3"
  static let google = KMSSettings(
    provider: .gcp, keyID: googleKey, region: "europe-west3", credentials: .googleMetadata)
  static let googleBlob = WrappedMasterKey(
    provider: .gcp, keyID: googleKey, keyVersion: "3", region: "europe-west3", createdAtMilliseconds: 0,
    blob: [1, 2, 3])
  static let flavor = (name: "Metadata-Flavor", value: "Google")

  static let awsKey = "arn:aws:kms:eu-central-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
  static let role = "arn:aws:iam::111122223333:role/keyfold"
  static let awsRole = KMSSettings(
    provider: .aws, keyID: awsKey, region: "eu-central-1",
    credentials: .awsRole(arn: role, externalID: "shop-7", accessKeyID: "AKIAROOT"))
  static let aws = KMSSettings(
    provider: .aws, keyID: awsKey, region: "eu-central-1", credentials: .awsAccessKey(id: "AKIAROOT"))
  static let awsBlob = WrappedMasterKey(
    provider: .aws, keyID: awsKey, keyVersion: "", region: "eu-central-1", createdAtMilliseconds: 0, blob: [1, 2, 3])

  static let token = #"{"token_type":"Bearer","expires_in":3599,"access_token":"eyJ.token-1"}"#

  /// A vault that unwraps what it wrapped, behind an issuer that gives tokens.
  static func vault(_ cloud: ScriptedCloud) {
    cloud.on("/oauth2/v2.0/token", 200, token)
    cloud.on("/wrapkey", { answer(cloud, $0, keep: true) })
    cloud.on("/unwrapkey", { answer(cloud, $0, keep: false) })
  }

  /// The "ciphertext" is the payload itself, so that a test sees what would be encrypted.
  private static func answer(_ cloud: ScriptedCloud, _ question: HTTPQuestion, keep: Bool) -> Result<
    HTTPAnswer, HTTPFailure
  > {
    let value = question.text.split(separator: "\"value\":\"").last.map { String($0.prefix { $0 != "\"" }) } ?? ""
    return cloud.answer(200, #"{"kid":"\#(azureKey)","value":"\#(value)"}"#, [(name: "x-ms-request-id", value: "r-1")])
  }

  /// An account of Google whose key encrypts to what it was given.
  static func account(_ cloud: ScriptedCloud) {
    cloud.on("metadata.google.internal", 200, token, headers: [flavor])
    cloud.on(":encrypt") { question in
      let text = question.text.split(separator: "\"plaintext\":\"").last.map { String($0.prefix { $0 != "\"" }) } ?? ""
      let crc = CRC32C.of(Base64.bytes(text) ?? [])
      return cloud.answer(
        200,
        #"{"name":"\#(googleKey)","ciphertext":"\#(text)","ciphertextCrc32c":"\#(crc)","#
          + #""verifiedPlaintextCrc32c":true,"verifiedAdditionalAuthenticatedDataCrc32c":true}"#)
    }
    cloud.on(":decrypt") { question in
      let text = question.text.split(separator: "\"ciphertext\":\"").last.map { String($0.prefix { $0 != "\"" }) } ?? ""
      let crc = CRC32C.of(Base64.bytes(text) ?? [])
      return cloud.answer(200, #"{"plaintext":"\#(text)","plaintextCrc32c":"\#(crc)","usedPrimary":true}"#)
    }
  }

  static func session(_ cloud: ScriptedCloud, id: String = "ASIA1", seconds: Int64 = 900) -> String {
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>\(id)</AccessKeyId>"
      + "<SecretAccessKey>session+secret/1</SecretAccessKey><SessionToken>token==</SessionToken>"
      + "<Expiration>\(CivilTime(seconds: cloud.now + seconds).extended)</Expiration>"
      + "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
  }

  static let awsPlaintext = #"{"KeyId":"\#(awsKey)","Plaintext":"Zm9vYmFy"}"#
}
