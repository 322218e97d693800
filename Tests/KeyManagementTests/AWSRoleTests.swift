// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import Secrets
import Synchronization
import Testing

@testable import KeyManagement

@Suite("An AWS role, assumed for one encryption context")
struct AWSRoleTests {
  private func cloud() -> ScriptedCloud {
    let cloud = ScriptedCloud()
    cloud.on("sts.") { _ in cloud.answer(200, Clouds.session(cloud)) }
    cloud.on("kms.") { _ in
      cloud.answer(200, Clouds.awsPlaintext, [(name: "x-amzn-RequestId", value: "kms-1")])
    }
    return cloud
  }

  private func parameters(_ question: HTTPQuestion) -> [String: String] {
    var found: [String: String] = [:]
    for pair in question.text.split(separator: "&") {
      let parts = pair.split(separator: "=", maxSplits: 1).map(String.init)
      found[parts[0]] = parts.count > 1 ? parts[1].removingPercentEncodingForTest : ""
    }
    return found
  }

  @Test("is used at the endpoint of the key's region")
  func regionEndpoint() async throws {
    let cloud = cloud()
    var settings = Clouds.awsRole
    settings.regionEndpoints = [
      "eu-central-1": "https://kms.private.example", "us-east-1": "https://kms.other.example",
    ]
    #expect(await cloud.failure(try cloud.service(settings, secret: "secret"), Clouds.awsBlob) == nil)
    #expect(cloud.questions("kms.").map(\.url) == ["https://kms.private.example/"])
  }

  @Test("is assumed with its external id, for the node's own context only, and used for the call")
  func assumed() async throws {
    let cloud = cloud()
    let service = try cloud.service(Clouds.awsRole, secret: "secret")
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    let asked = try #require(cloud.questions("sts.").first)
    #expect(asked.url == "https://sts.eu-central-1.amazonaws.com/")
    #expect(asked.header("Authorization")?.contains("Credential=AKIAROOT/20150830/eu-central-1/sts/") == true)
    let given = parameters(asked)
    #expect(given["Action"] == "AssumeRole" && given["RoleArn"] == Clouds.role && given["ExternalId"] == "shop-7")
    #expect(given["DurationSeconds"] == "900" && given["RoleSessionName"] == "keyfold-orders-1")
    let resource = "arn:aws:kms:*:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab"
    #expect(
      given["Policy"]
        == #"{"Version":"2012-10-17","Statement":["#
        + #"{"Effect":"Allow","Action":["kms:DescribeKey"],"Resource":"\#(resource)"},"#
        + #"{"Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt"],"Resource":"\#(resource)","Condition":"#
        + #"{"StringEquals":{"kms:EncryptionContext:keyfold:cluster":"orders","#
        + #""kms:EncryptionContext:keyfold:node":"orders-1","kms:EncryptionContext:keyfold:project":"shop","#
        + #""kms:EncryptionContext:keyfold:purpose":"master-key"}}}]}"#)
    let used = try #require(cloud.questions("kms.").first)
    #expect(used.header("Authorization")?.contains("Credential=ASIA1/20150830/eu-central-1/kms/") == true)
    #expect(used.header("X-Amz-Security-Token") == "token==")
    #expect(cloud.records.map(\.requestID) == ["kms-1"] && cloud.records.map(\.failure) == [nil])
  }

  @Test("is assumed with the machine's own role from instance metadata version 2")
  func machine() async throws {
    let cloud = cloud()
    cloud.on("latest/api/token", 200, "imds-token")
    cloud.on("security-credentials/", 200, "machine-role\n")
    cloud.on("security-credentials/machine-role") { _ in
      cloud.answer(
        200,
        #"{"Code":"Success","AccessKeyId":"ASIAMACHINE","SecretAccessKey":"m+s","Token":"t","Expiration":"#
          + #""\#(CivilTime(seconds: cloud.now + 3600).extended)"}"#)
    }
    var settings = Clouds.awsRole
    settings.credentials = .awsRole(arn: Clouds.role, externalID: nil, accessKeyID: nil)
    let service = try cloud.service(settings)
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    let asked = cloud.questions("169.254.169.254")
    #expect(asked.map(\.method) == [.put, .get, .get])
    #expect(asked[0].header("X-aws-ec2-metadata-token-ttl-seconds") == "60")
    #expect(asked[2].header("X-aws-ec2-metadata-token") == "imds-token")
    #expect(cloud.questions("sts.").first?.header("Authorization")?.contains("Credential=ASIAMACHINE/") == true)
    #expect(parameters(cloud.questions("sts.")[0])["ExternalId"] == nil)
  }

  @Test("a machine's role may have any name that IAM takes, and is asked for as one part of the path")
  func machineRoleNames() async throws {
    let longest = String(repeating: "r", count: 64)
    for (name, part) in [("a+b=c,d.e@f-g_H9", "a%2Bb%3Dc%2Cd.e%40f-g_H9"), (longest, longest)] {
      let asked = try await machineQuestions(of: name)
      #expect(asked.last?.url.hasSuffix("/security-credentials/\(part)") == true)
    }
    for name in ["a/b", "a?b", "a%41", "a:b", longest + "r"] {
      #expect(try await machineQuestions(of: name).count == 2, "\(name) is no role's name")
    }
  }

  private func machineQuestions(of role: String) async throws -> [HTTPQuestion] {
    let cloud = cloud()
    cloud.on("latest/api/token", 200, "imds-token")
    cloud.on("security-credentials/", 200, role)
    var settings = Clouds.awsRole
    settings.credentials = .awsRole(arn: Clouds.role, externalID: nil, accessKeyID: nil)
    _ = await cloud.failure(try cloud.service(settings), Clouds.awsBlob)
    return cloud.questions("169.254.169.254")
  }

  @Test("asks the machine for its credentials anew, once, when STS refuses those that were kept")
  func machineCredentialsReplaced() async throws {
    let cloud = cloud()
    let machine = Mutex("ASIAOLD")
    cloud.on("latest/api/token", 200, "imds-token")
    cloud.on("security-credentials/", 200, "machine-role")
    cloud.on("security-credentials/machine-role") { _ in
      cloud.answer(
        200,
        #"{"Code":"Success","AccessKeyId":"\#(machine.withLock { $0 })","SecretAccessKey":"m","Token":"t","#
          + #""Expiration":"\#(CivilTime(seconds: cloud.now + 36_000).extended)"}"#)
    }
    cloud.on("sts.") { question in
      question.header("Authorization")?.contains("ASIAOLD") == true && machine.withLock({ $0 }) != "ASIAOLD"
        ? cloud.answer(403, "<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>")
        : cloud.answer(200, Clouds.session(cloud))
    }
    var settings = Clouds.awsRole
    settings.credentials = .awsRole(arn: Clouds.role, externalID: nil, accessKeyID: nil)
    let service = try cloud.service(settings)
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    machine.withLock { $0 = "ASIANEW" }
    // Another context, so that a session is needed while the machine's credentials are young.
    do { _ = try await service.describe(deadline: .seconds(60)) } catch { _ = error }
    #expect(
      cloud.questions("sts.").map { $0.header("Authorization")?.contains("ASIAOLD") == true } == [true, true, false])
    machine.withLock { $0 = "ASIAOLD" }
    cloud.on("sts.", 403, "<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>")
    cloud.pass(700)
    let before = cloud.questions("sts.").count
    let error = await cloud.failure(service, Clouds.awsBlob)
    guard case .revoked(.credentialsRefused, _)? = error?.verdict else {
      Issue.record("fresh credentials that are refused are refused")
      return
    }
    #expect(cloud.questions("sts.").count == before + 1, "those were fetched for the call")
  }

  @Test("is assumed anew once a session is older than 10 minutes, before it ends")
  func renewed() async throws {
    let cloud = cloud()
    let service = try cloud.service(Clouds.awsRole, secret: "secret")
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    cloud.pass(60)
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    #expect(cloud.questions("sts.").count == 1)
    cloud.pass(600)
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    #expect(cloud.questions("sts.").count == 2)
  }

  @Test("a call that renews assumes it at once, is refused where the role is, and takes the place of what was kept")
  func renewing() async throws {
    let cloud = cloud()
    let service = try cloud.service(Clouds.awsRole, secret: "secret")
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    #expect(await cloud.failure(service.renewing(), Clouds.awsBlob) == nil)
    #expect(cloud.questions("sts.").count == 2)
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    #expect(cloud.questions("sts.").count == 2, "the new session is the one that is kept")
    cloud.on("sts.", 403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil, "a scheduled check may use what it has")
    for asked in [service.renewing(), service] {
      guard case .revoked(.accessDenied, _)? = await cloud.failure(asked, Clouds.awsBlob)?.verdict else {
        Issue.record("the role was taken away, and a session of before goes on")
        return
      }
    }
  }

  @Test("a call that renews is unreachable while STS is, also beside a session that holds")
  func renewingWhileAway() async throws {
    let cloud = cloud()
    let service = try cloud.service(Clouds.awsRole, secret: "secret")
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    cloud.on("sts.") { _ in .failure(HTTPFailure(.network, "no way to STS")) }
    guard case .unreachable(.network, _)? = await cloud.failure(service.renewing(), Clouds.awsBlob)?.verdict else {
      Issue.record("an old session says that the role could be assumed now")
      return
    }
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil, "it still holds")
  }

  @Test("goes on with a session that holds while STS is away, and is unreachable once it has expired")
  func issuerAway() async throws {
    let cloud = cloud()
    let service = try cloud.service(Clouds.awsRole, secret: "secret")
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    cloud.on("sts.") { _ in .failure(HTTPFailure(.network, "no way to STS")) }
    cloud.pass(700)
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    cloud.pass(300)
    let error = await cloud.failure(service, Clouds.awsBlob)
    #expect(error?.kind == .credentialsExpired)
    guard case .unreachable(.credentialsExpired, _)? = error?.verdict else {
      Issue.record("an outage of the issuer has a verdict on the key")
      return
    }
  }

  @Test("that is refused is revoked at once, although the session from before still holds")
  func refused() async throws {
    let cloud = cloud()
    let service = try cloud.service(Clouds.awsRole, secret: "secret")
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    cloud.on("sts.", 403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>")
    cloud.pass(700)
    let error = await cloud.failure(service, Clouds.awsBlob)
    guard case .revoked(.accessDenied, let detail)? = error?.verdict else {
      Issue.record("it is not revoked")
      return
    }
    #expect(detail.contains("cannot be assumed"))
    #expect(cloud.questions("kms.").count == 1)
  }

  @Test("a session that AWS says has expired is replaced once")
  func expiredAtKMS() async throws {
    let cloud = cloud()
    let service = try cloud.service(Clouds.awsRole, secret: "secret")
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    cloud.on("kms.", 400, #"{"__type":"ExpiredTokenException"}"#)
    let error = await cloud.failure(service, Clouds.awsBlob)
    #expect(error?.kind == .credentialsExpired)
    #expect(cloud.questions("sts.").count == 2 && cloud.questions("kms.").count == 3)
  }

  @Test(
    "an answer that holds no session proves nothing",
    arguments: [
      "", "{}", "<AccessKeyId>A</AccessKeyId>",
      "<AccessKeyId>A\r\n</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        + "<Expiration>2030-01-01T00:00:00Z</Expiration>",
      "<AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        + "<Expiration>2014-01-01T00:00:00Z</Expiration>",
    ])
  func malformed(body: String) async throws {
    let cloud = cloud()
    cloud.on("sts.", 200, body)
    let error = await cloud.failure(try cloud.service(Clouds.awsRole, secret: "secret"), Clouds.awsBlob)
    #expect(error?.kind == .malformedAnswer)
    #expect(cloud.questions("kms.").isEmpty)
  }

  @Test("the replica of a multi-Region key opens what the key of another region wrapped")
  func multiRegion() async throws {
    let cloud = cloud()
    var settings = Clouds.aws
    settings.region = "us-west-2"
    let service = try cloud.service(settings, secret: "secret")
    #expect(await cloud.failure(service, Clouds.awsBlob) == nil)
    let asked = try #require(cloud.questions.first)
    #expect(asked.url == "https://kms.us-west-2.amazonaws.com/")
    #expect(asked.text.contains("arn:aws:kms:us-west-2:111122223333:key/mrk-"))
  }
}

extension String {
  /// Percent-decoding, the reverse of what the client writes.
  fileprivate var removingPercentEncodingForTest: String {
    var bytes: [UInt8] = []
    var rest = Array(utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
        bytes.append(value)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
