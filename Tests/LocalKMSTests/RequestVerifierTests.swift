// SPDX-License-Identifier: GPL-3.0-or-later

import NIOCore
import Secrets
import Testing

@testable import KeyManagement
@testable import LocalKMS

@Suite("Checking signatures on the local KMS's side")
struct RequestVerifierTests {
  static let now: Int64 = 1_800_000_000

  /// A request of our own client, as the server receives it.
  private func signedRequest(region: String = "us-east-1", at seconds: Int64 = now) throws -> (KMSRequest, Secret) {
    let secret = Secret(try SecretBytes(copying: Array("a secret".utf8)))
    let credentials = AWSCredentials(accessKeyID: "AKID", secretKey: secret, sessionToken: secret)
    let client = AWSClient(
      exchange: NoExchange(), endpoint: try HTTPEndpoint("https://localhost:7443"), region: region,
      credentials: credentials, clock: WallClock { seconds * 1000 })
    let call = AWSClient.Call(target: "TrentService.Decrypt", operation: .unwrap, keyID: "")
    let post = try client.signed(call, body: ByteBuffer(string: "{}"), credentials)
    let request = KMSRequest(
      method: "POST", target: "/", headers: post.headers, body: post.body ?? ByteBuffer(), clientAddress: "127.0.0.1")
    return (request, secret)
  }

  private func verdict(_ request: KMSRequest, _ secret: Secret) -> String {
    do throws(KMSFault) {
      let claim = try RequestVerifier.claim(of: request)
      let verifier = RequestVerifier(region: "us-east-1", nowSeconds: Self.now)
      let time = try verifier.time(of: request, claim)
      try verifier.verify(request, claim, time: time, secret: secret)
      return "OK"
    } catch { return error.type }
  }

  private func change(_ request: inout KMSRequest, _ name: String, _ edit: (String) -> String) {
    for index in request.headers.indices where request.headers[index].name == name {
      request.headers[index].value = edit(request.headers[index].value)
    }
  }

  @Test("accepts what our client signs")
  func accepted() throws {
    let (request, secret) = try signedRequest()
    #expect(verdict(request, secret) == "OK")
  }

  @Test("refuses a request of which anything signed was changed")
  func tampered() throws {
    let (request, secret) = try signedRequest()
    let edits: [(String, (inout KMSRequest) -> Void)] = [
      ("body", { $0.body = ByteBuffer(string: "{ }") }),
      ("method", { $0.method = "PUT" }),
      ("path", { $0.target = "/x" }),
      ("query", { $0.target = "/?x=1" }),
      ("target", { change(&$0, "X-Amz-Target") { _ in "TrentService.ScheduleKeyDeletion" } }),
      ("host", { change(&$0, "Host") { _ in "elsewhere" } }),
      ("token", { change(&$0, "X-Amz-Security-Token") { $0 + "x" } }),
      ("added header", { $0.headers.append((name: "X-Amz-Other", value: "1")) }),
      ("second target", { $0.headers.append((name: "X-Amz-Target", value: "TrentService.Encrypt")) }),
      ("time", { change(&$0, "X-Amz-Date") { String($0.dropLast(2)) + "9Z" } }),
      ("claimed hash", { $0.headers.append((name: "x-amz-content-sha256", value: "00")) }),
      ("signature", { change(&$0, "Authorization") { String($0.dropLast()) + ($0.hasSuffix("0") ? "1" : "0") } }),
      ("short signature", { change(&$0, "Authorization") { String($0.dropLast()) } }),
      ("unsigned host", { change(&$0, "Authorization") { $0.replacing("host;", with: "") } }),
      ("unsigned target", { change(&$0, "Authorization") { $0.replacing(";x-amz-target", with: "") } }),
      ("absent header", { change(&$0, "Authorization") { $0.replacing("host;", with: "host;via;") } }),
      ("region", { change(&$0, "Authorization") { $0.replacing("us-east-1", with: "us-east-2") } }),
      ("service", { change(&$0, "Authorization") { $0.replacing("/kms/", with: "/s3/") } }),
    ]
    for (name, edit) in edits {
      var changed = request
      edit(&changed)
      #expect(verdict(changed, secret) == "InvalidSignatureException", "\(name)")
    }
    let other = Secret(try SecretBytes(copying: Array("a Secret".utf8)))
    #expect(verdict(request, other) == "InvalidSignatureException")
  }

  @Test("calls a claim incomplete that is not one")
  func incomplete() throws {
    let (request, secret) = try signedRequest()
    let claims = [
      "", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request",
      "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=x",
      "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=x",
      "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=x, Signature=y",
      "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=x, More=y", "Bearer x",
    ]
    for claim in claims {
      var changed = request
      change(&changed, "Authorization") { _ in claim }
      #expect(verdict(changed, secret) == "IncompleteSignatureException", "\(claim)")
    }
    var unsigned = request
    unsigned.headers.removeAll { $0.name == "Authorization" }
    #expect(verdict(unsigned, secret) == "MissingAuthenticationTokenException")
    var twice = request
    twice.headers += request.headers.filter { $0.name == "Authorization" }
    #expect(verdict(twice, secret) == "MissingAuthenticationTokenException")
    var undated = request
    undated.headers.removeAll { $0.name == "X-Amz-Date" }
    #expect(verdict(undated, secret) == "IncompleteSignatureException")
  }

  @Test("takes five minutes of skew and no more", arguments: [-301, -300, 0, 300, 301])
  func skew(seconds: Int64) throws {
    let (request, secret) = try signedRequest(at: Self.now + seconds)
    #expect(verdict(request, secret) == (abs(seconds) <= 300 ? "OK" : "InvalidSignatureException"))
  }

  @Test("a ciphertext's associated data tells every pair of contexts apart")
  func associatedData() {
    let contexts: [[String: String]] = [
      [:], ["a": "b"], ["ab": ""], ["": "ab"], ["a": "", "b": ""], ["a": "b", "c": "d"], ["a": "bcd"], ["a": "b c d"],
    ]
    let data = contexts.map { CiphertextBlob.associatedData(keyID: "k", rotation: 0, context: $0) }
    #expect(Set(data).count == contexts.count)
    #expect(data[1] != CiphertextBlob.associatedData(keyID: "l", rotation: 0, context: ["a": "b"]))
  }

  @Test("a ciphertext is taken apart as it was put together, and garbage is none")
  func blobs() {
    let id = KeyIdentifier.random()
    for (id, rotation) in [
      (id, 0), (id, 3), (KeyIdentifier.randomMultiRegion(), 0), (KeyIdentifier.randomMultiRegion(), 9),
    ] {
      let blob = CiphertextBlob(keyID: id, rotation: rotation, sealed: [1, 2, 3])
      #expect(blob.bytes.flatMap { CiphertextBlob($0) } == blob)
    }
    for garbage in [[], [0x4B], Array("KFL1".utf8), Array("KFL1".utf8) + [UInt8](repeating: 0, count: 16)] as [[UInt8]]
    {
      #expect(CiphertextBlob(garbage) == nil)
    }
    for text in ["", "x", "F" + id.dropFirst(), id + "0", String(id.dropLast()), id.replacing("-", with: "a")] {
      #expect(KeyIdentifier.bytes(text) == nil)
    }
  }
}

/// An exchange that is never used.
private struct NoExchange: HTTPExchange {
  func send(_ question: HTTPQuestion, timeout: Duration) async throws(HTTPFailure) -> HTTPAnswer {
    throw HTTPFailure(.network, "not used")
  }
}
