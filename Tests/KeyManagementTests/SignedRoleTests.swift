// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import Secrets
import Synchronization
import Testing

@testable import KeyManagement

/// The coordinator as a node sees it: signs, as of its own clock, or fails as a test tells it to.
private final class ScriptedSigner: RoleSigner {
  let name = "version 1"
  private let failure = Mutex<RoleSignerFailure?>(nil)
  private let asked = Mutex<[String]>([])
  private let settings: KMSSettings
  private let clock: @Sendable () -> Int64

  init(_ settings: KMSSettings, clock: @escaping @Sendable () -> Int64) {
    self.settings = settings
    self.clock = clock
  }

  func fail(_ failure: RoleSignerFailure?) { self.failure.withLock { $0 = failure } }
  /// The regions it was asked for.
  var regions: [String] { asked.withLock { $0 } }

  func signedRequest(region: String, within timeout: Duration) async throws(RoleSignerFailure) -> SignedRoleRequest {
    asked.withLock { $0.append(region) }
    if let failure = failure.withLock({ $0 }) { throw failure }
    do {
      return try SignedRoleRequest.sign(
        settings, secret: Secret(try SecretBytes(copying: Array("secret".utf8))), region: region,
        context: ScriptedCloud.context, clock: WallClock { self.clock() * 1000 })
    } catch { throw .declined("\(error)") }
  }
}

@Suite("A role that a node assumes with a request the coordinator signed")
struct SignedRoleTests {
  private struct Scene {
    let cloud = ScriptedCloud()
    let signer: ScriptedSigner
    let service: any KeyManagementService

    /// `lag` is how far the signer's clock is behind.
    init(lag: Int64 = 0) throws {
      let cloud = cloud
      cloud.on("sts.") { _ in
        cloud.answer(200, Clouds.session(cloud, seconds: SignedRoleRequest.sessionSeconds))
      }
      cloud.on("kms.") { _ in cloud.answer(200, Clouds.awsPlaintext) }
      signer = ScriptedSigner(Clouds.awsRole) { cloud.now - lag }
      service = try cloud.service(Clouds.awsRole, signer: signer)
    }

    func unwrap() async -> KMSError? { await cloud.failure(service, Clouds.awsBlob) }
  }

  @Test("sends what was signed, byte for byte as the key's owner would have, without ever having the key")
  func sameRequest() async throws {
    let scene = try Scene()
    #expect(await scene.unwrap() == nil)
    let sent = try #require(scene.cloud.questions("sts.").first)
    let own = ScriptedCloud()
    own.on("sts.") { _ in own.answer(200, Clouds.session(own)) }
    own.on("kms.") { _ in own.answer(200, Clouds.awsPlaintext) }
    #expect(await own.failure(try own.service(Clouds.awsRole, secret: "secret"), Clouds.awsBlob) == nil)
    let reference = try #require(own.questions("sts.").first)
    #expect(sent.text == reference.text.replacing("DurationSeconds=900", with: "DurationSeconds=3600"))
    #expect(sent.url == reference.url && sent.headers.map(\.name) == reference.headers.map(\.name))
    for name in ["Host", "Content-Type", "X-Amz-Date"] { #expect(sent.header(name) == reference.header(name)) }
    // What was signed is what is sent: a signature made anew over it is the same.
    let signer = AWSSigner(
      service: "sts", region: "eu-central-1",
      credentials: AWSCredentials(
        accessKeyID: "AKIAROOT", secretKey: Secret(try SecretBytes(copying: Array("secret".utf8)))),
      clock: WallClock { scene.cloud.now * 1000 })
    let again = try signer.headers(
      HTTPEndpoint("https://sts.eu-central-1.amazonaws.com"),
      [(name: "Content-Type", value: sent.header("Content-Type") ?? "")], body: ByteBuffer(string: sent.text))
    #expect(again.first { $0.name == "Authorization" }?.value == sent.header("Authorization"))
  }

  @Test("has one session for all it does, and a new one at each check")
  func renewed() async throws {
    let scene = try Scene()
    #expect(await scene.unwrap() == nil)
    _ = await kmsFailure { () async throws(KMSError) in _ = try await scene.service.describe(deadline: .seconds(60)) }
    #expect(scene.signer.regions == ["eu-central-1"])
    scene.cloud.pass(900)
    #expect(await scene.unwrap() == nil)
    #expect(scene.signer.regions.count == 2)
  }

  @Test("asks for two more scheduled checks while the coordinator is away, then is unreachable, and never revoked")
  func signerAway() async throws {
    let scene = try Scene()
    #expect(await scene.unwrap() == nil)
    scene.signer.fail(.unreachable("no coordinator"))
    for _ in 0..<2 {
      scene.cloud.pass(900)
      #expect(await scene.unwrap() == nil)
    }
    scene.cloud.on("kms.", 400, #"{"__type":"DisabledException"}"#)
    scene.cloud.pass(900)
    #expect(await scene.unwrap()?.kind == .keyDisabled, "a state of the key is seen without a coordinator")
    scene.cloud.pass(900)
    let error = await scene.unwrap()
    #expect(error?.verdict == .unreachable(.credentialsExpired, detail: error?.description ?? ""))
  }

  @Test(
    "what the signer says is no word against the key",
    arguments: [
      (RoleSignerFailure.unreachable("gone"), OutageReason.network), (.declined("not approved"), .unlisted),
      (.busy(.milliseconds(20)), .throttled),
    ])
  func noVerdict(_ sample: (RoleSignerFailure, OutageReason)) async throws {
    let scene = try Scene()
    scene.signer.fail(sample.0)
    let error = await scene.unwrap()
    guard case .unreachable(let reason, _)? = error?.verdict else {
      Issue.record("\(sample.0) has another verdict: \(String(describing: error))")
      return
    }
    #expect(reason == sample.1 && scene.cloud.questions.isEmpty)
    if case .busy(let wait) = sample.0 { #expect(scene.cloud.rests.allSatisfy { $0 >= wait }, "it waits its turn") }
  }

  @Test("what the role's issuer refuses, the node has seen itself")
  func refusedByIssuer() async throws {
    let scene = try Scene()
    #expect(await scene.unwrap() == nil)
    scene.cloud.on("sts.", 403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
    scene.cloud.pass(700)
    guard case .revoked(.accessDenied, _)? = await scene.unwrap()?.verdict else {
      Issue.record("it is not revoked")
      return
    }
  }

  @Test("a signature of a clock that is wrong is no refusal of the credentials")
  func signerSkewed() async throws {
    for lag in [600, -600] as [Int64] {
      let scene = try Scene(lag: lag)
      scene.cloud.on("sts.", 403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>")
      let error = await scene.unwrap()
      #expect(error?.kind == .clockSkew && error?.detail.contains("coordinator") == true)
    }
    let scene = try Scene(lag: 60)
    scene.cloud.on("sts.", 403, "<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code></Error></ErrorResponse>")
    #expect(await scene.unwrap()?.kind == .credentialsRefused)
  }

  @Test("is signed for the regions of the settings, and for credentials that assume a role by an access key only")
  func bounds() throws {
    let secret = Secret(try SecretBytes(copying: Array("secret".utf8)))
    var settings = Clouds.awsRole
    settings.replicas = [KMSReplica(region: "us-west-2")]
    let elsewhere = try SignedRoleRequest.sign(
      settings, secret: secret, region: "us-west-2", context: ScriptedCloud.context)
    #expect(BearerText.text(elsewhere.authorization).contains("/us-west-2/sts/aws4_request"))
    #expect(throws: KMSError.self) {
      try SignedRoleRequest.sign(settings, secret: secret, region: "us-east-1", context: ScriptedCloud.context)
    }
    for credentials in [
      KMSCredentials.awsAccessKey(id: "AKIA"), .awsRole(arn: Clouds.role, externalID: nil, accessKeyID: nil),
    ] {
      settings.credentials = credentials
      #expect(throws: KMSError.self) {
        try SignedRoleRequest.sign(settings, secret: secret, region: "eu-central-1", context: ScriptedCloud.context)
      }
    }
  }

  @Test("is kept apart from that of another version of the settings")
  func kept() async throws {
    let factory = KeyManagementFactory()
    struct Named: RoleSigner {
      let name: String
      func signedRequest(region: String, within: Duration) async throws(RoleSignerFailure) -> SignedRoleRequest {
        throw .declined("")
      }
    }
    func sessions(_ name: String) throws -> CredentialCache<AWSCredentials> {
      let service = try factory.service(of: Clouds.awsRole, secret: nil, signer: Named(name: name))
      guard case .role(let role)? = (service as? AWSKeyManagementService)?.client.credentials else {
        throw KMSError(.unlisted, operation: .configure, keyID: "", detail: "another service")
      }
      return role.sessions
    }
    #expect(try sessions("version 1") === sessions("version 1"))
    #expect(try sessions("version 1") !== sessions("version 2"))
    #expect(throws: KMSError.self) { try factory.service(of: Clouds.awsRole, secret: nil) }
    await factory.shutdown()
  }

  private func kmsFailure(_ body: () async throws(KMSError) -> Void) async -> KMSError? {
    do { try await body() } catch { return error }
    return nil
  }
}
