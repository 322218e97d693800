// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import NIOCore
import Testing

@testable import KeyManagement

@Suite("A KMS that asks to be left alone for a while")
struct RetryAfterTests {
  /// One provider, where it throttles, and how it says so.
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let settings: KMSSettings
    let secret: String?
    let wrapped: WrappedMasterKey
    /// The part of the URL that throttles.
    let part: String
    let body: String
    var testDescription: String { name }
  }

  static let cases = [
    Case(
      name: "AWS KMS", settings: Clouds.aws, secret: "secret", wrapped: Clouds.awsBlob, part: "kms.",
      body: #"{"__type":"ThrottlingException"}"#),
    Case(
      name: "AWS STS", settings: Clouds.awsRole, secret: "secret", wrapped: Clouds.awsBlob, part: "sts.",
      body: "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"),
    Case(
      name: "Key Vault", settings: Clouds.azure, secret: Clouds.azureSecret, wrapped: Clouds.azureBlob,
      part: "/unwrapkey", body: #"{"error":{"code":"Throttled"}}"#),
    Case(
      name: "Entra", settings: Clouds.azure, secret: Clouds.azureSecret, wrapped: Clouds.azureBlob,
      part: "/oauth2/v2.0/token", body: ""),
    Case(
      name: "Cloud KMS", settings: Clouds.google, secret: nil, wrapped: Clouds.googleBlob, part: ":decrypt",
      body: #"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}"#),
  ]

  private func cloud(_ headers: [(name: String, value: String)], _ one: Case) -> ScriptedCloud {
    let cloud = ScriptedCloud()
    Clouds.vault(cloud)
    Clouds.account(cloud)
    cloud.on("sts.") { _ in cloud.answer(200, Clouds.session(cloud)) }
    cloud.on("kms.") { _ in cloud.answer(200, Clouds.awsPlaintext) }
    cloud.on(one.part, 429, one.body, headers: headers)
    return cloud
  }

  @Test("is asked again when it said, and not before", arguments: cases)
  func waits(one: Case) async throws {
    let cloud = cloud([(name: "Retry-After", value: "7")], one)
    let error = await cloud.failure(
      try cloud.service(one.settings, secret: one.secret), one.wrapped, deadline: .seconds(60))
    #expect(error?.kind == .throttled)
    #expect(cloud.rests == Array(repeating: .seconds(7), count: RetrySchedule.maximumAttempts - 1))
  }

  @Test("is not asked again if it wants more time than the call has", arguments: cases)
  func givesUp(one: Case) async throws {
    let cloud = cloud([(name: "Retry-After", value: "61")], one)
    let error = await cloud.failure(
      try cloud.service(one.settings, secret: one.secret), one.wrapped, deadline: .seconds(60))
    #expect(error?.kind == .throttled && error?.retryAfter == .seconds(61))
    #expect(cloud.rests.isEmpty)
    #expect(cloud.questions(one.part).count == 1)
  }

  @Test(
    "is asked again after a pause of ours if it says nothing that can be read", arguments: ["", "-3", "soon", "1.5"])
  func unreadable(text: String) async throws {
    let one = Self.cases[0]
    let cloud = cloud([(name: "Retry-After", value: text)], one)
    let error = await cloud.failure(try cloud.service(one.settings, secret: one.secret), one.wrapped)
    #expect(error?.kind == .throttled && error?.retryAfter == nil)
    #expect(cloud.rests.count == RetrySchedule.maximumAttempts - 1)
  }

  @Test("may name the moment by its own clock, and is believed no longer than a day")
  func forms() {
    func read(_ value: String, date: String? = nil) -> Duration? {
      let headers = [(name: "retry-after", value: value)] + (date.map { [(name: "Date", value: $0)] } ?? [])
      return RetryAfter.read(
        HTTPAnswer(status: 429, headers: headers, body: ByteBuffer()), nowSeconds: 1_440_938_160)
    }
    #expect(read("0") == .zero)
    #expect(read("120") == .seconds(120))
    #expect(read("Sun, 30 Aug 2015 12:36:30 GMT") == .seconds(30))
    #expect(read("Sun, 30 Aug 2015 12:36:30 GMT", date: "Sun, 30 Aug 2015 12:36:20 GMT") == .seconds(10))
    #expect(read("Sun, 30 Aug 2015 12:35:00 GMT") == .zero)
    #expect(read("99999999999999999999999") == .seconds(86_400))
    #expect(read("Sun, 30 Aug 2019 12:36:30 GMT") == .seconds(86_400))
  }

  @Test("others that were told the same do not come back all at once")
  func spread() {
    let pauses = [0.0, 0.25, 0.75].map {
      RetrySchedule.pause(after: 5, remaining: .seconds(60), random: $0, asked: .seconds(7))
    }
    #expect(Set(pauses).count == 3 && pauses.allSatisfy { $0.map { $0 >= .seconds(7) } == true })
  }
}
