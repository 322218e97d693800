// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import Secrets
import Synchronization
import Testing

@testable import KeyManagement

@Suite("The AWS service against scripted answers")
struct RetryTests {
  /// Answers from a list, and remembers the requests.
  final class Script: HTTPExchange {
    private let state: Mutex<(answers: [Result<HTTPAnswer, HTTPFailure>], requests: [HTTPQuestion])>

    init(_ answers: [Result<HTTPAnswer, HTTPFailure>]) { state = Mutex((answers, [])) }

    var requests: [HTTPQuestion] { state.withLock { $0.requests } }

    func send(_ request: HTTPQuestion, timeout: Duration) async throws(HTTPFailure) -> HTTPAnswer {
      let next = state.withLock { state -> Result<HTTPAnswer, HTTPFailure>? in
        state.requests.append(request)
        return state.answers.isEmpty ? nil : state.answers.removeFirst()
      }
      guard let next else { throw HTTPFailure(.network, "the script is at its end") }
      return try next.get()
    }
  }

  static let arn = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
  static let clock = WallClock { 1_440_938_160_000 }
  static let date = (name: "Date", value: "Sun, 30 Aug 2015 12:36:00 GMT")
  static let context = KeyContext(project: ProjectName(checked: "p"), cluster: nil, node: nil, purpose: .probe)
  static let wrapped = WrappedMasterKey(
    provider: .aws, keyID: arn, keyVersion: "", region: "us-east-1", createdAtMilliseconds: 0, blob: [1, 2, 3])

  static func answer(_ status: Int, _ body: String) -> Result<HTTPAnswer, HTTPFailure> {
    .success(HTTPAnswer(status: status, headers: [date], body: ByteBuffer(string: body)))
  }

  static let success = answer(200, #"{"KeyId":"\#(arn)","Plaintext":"Zm9vYmFy"}"#)

  static func service(_ script: Script) throws -> AWSKeyManagementService {
    let credentials = AWSCredentials(
      accessKeyID: "AKIDEXAMPLE", secretKey: Secret(try SecretBytes(copying: Array("secret".utf8))),
      sessionToken: Secret(try SecretBytes(copying: Array("token".utf8))))
    let client = AWSClient(
      exchange: script, endpoint: try HTTPEndpoint("https://kms.test:7443"), region: "us-east-1",
      credentials: credentials, clock: clock)
    return AWSKeyManagementService(key: try KeyARN(arn), client: client)
  }

  static func unwrap(_ script: Script, deadline: Duration = .seconds(3600)) async throws -> Result<[UInt8], KMSError> {
    let service = try service(script)
    do {
      return .success(try await service.unwrap(wrapped, context: context, deadline: deadline).unprotectedCopy())
    } catch { return .failure(error) }
  }

  @Test("one call when all is well, signed, with key and context in it")
  func oneCall() async throws {
    let script = Script([Self.success])
    #expect(try await Self.unwrap(script).get() == Array("foobar".utf8))
    let requests = script.requests
    #expect(requests.count == 1)
    let headers = Dictionary(uniqueKeysWithValues: requests[0].headers.map { ($0.name, $0.value) })
    #expect(headers["Host"] == "kms.test:7443")
    #expect(headers["X-Amz-Target"] == "TrentService.Decrypt")
    #expect(headers["X-Amz-Security-Token"] == "token")
    let signed = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target"
    #expect(headers["Authorization"]?.contains(signed) == true)
    #expect(requests[0].url == "https://kms.test:7443/")
    let expected =
      #"{"KeyId":"\#(Self.arn)","EncryptionContext":{"keyfold:project":"p","keyfold:purpose":"probe"},"#
      + #""CiphertextBlob":"AQID"}"#
    #expect(requests[0].body.map { String(buffer: $0) } == expected)
  }

  @Test("outages that may pass are repeated, with a fresh signature")
  func repeated() async throws {
    let script = Script([
      .failure(HTTPFailure(.network, "reset")), Self.answer(400, #"{"__type":"ThrottlingException"}"#),
      Self.answer(500, #"{"__type":"KMSInternalException"}"#), Self.answer(503, ""), Self.success,
    ])
    #expect(try await Self.unwrap(script).get() == Array("foobar".utf8))
    #expect(script.requests.count == 5)
  }

  @Test(
    "refusals are not repeated",
    arguments: [
      "DisabledException", "NotFoundException", "AccessDeniedException", "InvalidSignatureException",
      "UnrecognizedClientException", "ExpiredTokenException", "InvalidCiphertextException", "ValidationException",
    ])
  func notRepeated(type: String) async throws {
    let script = Script([Self.answer(400, #"{"__type":"\#(type)"}"#), Self.success])
    guard case .failure(let error) = try await Self.unwrap(script) else { throw Unexpected() }
    #expect(error.providerCode == type)
    #expect(script.requests.count == 1)
  }

  @Test("attempts end with the schedule and with the deadline")
  func limits() async throws {
    let endless = Script((0..<100).map { _ in .failure(HTTPFailure(.network, "down")) })
    guard case .failure(let error) = try await Self.unwrap(endless, deadline: .seconds(3600)) else {
      throw Unexpected()
    }
    #expect(error.kind == .network)
    #expect(endless.requests.count == RetrySchedule.maximumAttempts)
    let late = Script([Self.success])
    guard case .failure(let timeout) = try await Self.unwrap(late, deadline: .zero) else { throw Unexpected() }
    #expect(timeout.kind == .timeout)
    #expect(late.requests.isEmpty)
  }

  @Test("pauses grow, stay under their ceiling and never pass the deadline")
  func schedule() {
    for attempt in 1..<RetrySchedule.maximumAttempts {
      let pause = RetrySchedule.pause(after: attempt, remaining: .seconds(60), random: 0.999)
      #expect(pause.map { $0 <= RetrySchedule.longestPause && $0 <= .milliseconds(100) * (1 << (attempt - 1)) } == true)
      #expect(RetrySchedule.pause(after: attempt, remaining: .zero, random: 0.5) == nil)
    }
    #expect(RetrySchedule.pause(after: RetrySchedule.maximumAttempts, remaining: .seconds(60), random: 0) == nil)
    #expect(RetrySchedule.pause(after: 0, remaining: .seconds(60), random: 0) == nil)
  }

  @Test(
    "an invalid state is resolved by asking for it",
    arguments: [
      ("PendingDeletion", KMSError.Kind.keyPendingDeletion), ("Disabled", .keyDisabled), ("Enabled", .keyStateUnknown),
      ("PendingImport", .keyStateUnknown), ("Sleeping", .keyStateUnknown),
    ])
  func invalidState(state: String, kind: KMSError.Kind) async throws {
    let script = Script([
      Self.answer(400, #"{"__type":"KMSInvalidStateException"}"#),
      Self.answer(200, #"{"KeyMetadata":{"Arn":"\#(Self.arn)","KeyState":"\#(state)"}}"#),
    ])
    guard case .failure(let error) = try await Self.unwrap(script) else { throw Unexpected() }
    #expect(error.kind == kind)
    #expect(error.operation == .unwrap)
    #expect(script.requests.count == 2)
  }

  @Test("an invalid state whose description fails stays an outage")
  func unresolvedState() async throws {
    let script = Script([
      Self.answer(400, #"{"__type":"KMSInvalidStateException"}"#),
      Self.answer(400, #"{"__type":"AccessDeniedException"}"#),
    ])
    guard case .failure(let error) = try await Self.unwrap(script) else { throw Unexpected() }
    guard case .unreachable(.service, _)? = error.verdict else { throw Unexpected() }
  }

  @Test(
    "a success that is not one proves nothing",
    arguments: [
      "", "{}", "null", "<html></html>", #"{"Plaintext":"Zm9v"}"#, #"{"KeyId":"\#(arn)"}"#,
      #"{"KeyId":"\#(arn)","Plaintext":""}"#, #"{"KeyId":"\#(arn)","Plaintext":"Zm9"}"#,
      #"{"KeyId":"\#(arn)","Plaintext":7}"#,
      #"{"KeyId":"arn:aws:kms:us-east-1:111122223333:key/00000000-12ab-34cd-56ef-1234567890ab","Plaintext":"Zm9v"}"#,
      #"{"KeyId":"alias/x","Plaintext":"Zm9v"}"#,
    ])
  func malformed(body: String) async throws {
    let script = Script([Self.answer(200, body)])
    guard case .failure(let error) = try await Self.unwrap(script) else { throw Unexpected() }
    guard case .unreachable(.malformedAnswer, _)? = error.verdict else { throw Unexpected() }
  }

  @Test("no error text holds the key, the secret or the token")
  func noSecrets() async throws {
    for type in ["InvalidSignatureException", "AccessDeniedException", "Nonsense"] {
      let script = Script([Self.answer(400, #"{"__type":"\#(type)","message":"no"}"#)])
      guard case .failure(let error) = try await Self.unwrap(script) else { throw Unexpected() }
      for secret in ["secret", "token"] { #expect(!error.description.contains(" \(secret)")) }
    }
  }

  struct Unexpected: Error {}
}
