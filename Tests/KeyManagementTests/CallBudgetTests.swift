// SPDX-License-Identifier: GPL-3.0-or-later

import ClusterModel
import Secrets
import Testing

@testable import KeyManagement

@Suite("The budget of calls to one account")
struct CallBudgetTests {
  @Test("gives a burst at once, then one call after another, and never more than the rate")
  func rate() {
    let budget = CallBudget()
    let start = ContinuousClock.now
    let perSecond = CallBudget.callsPerSecond(.azure)
    for _ in 0..<Int(CallBudget.burst) {
      #expect(budget.reserve(.azure, "vault", within: .seconds(60), now: start) == .zero)
    }
    for call in 1...100 {
      let wait = budget.reserve(.azure, "vault", within: .seconds(60), now: start)
      #expect(wait == .seconds(Double(call) / perSecond))
    }
    // 100 calls wait already: after 5 s all of them are gone, and the next one is due at once.
    #expect(budget.reserve(.azure, "vault", within: .seconds(1), now: start + .seconds(6)) == .zero)
  }

  @Test("a call that would wait too long is not counted")
  func refused() {
    let budget = CallBudget()
    let start = ContinuousClock.now
    for _ in 0..<Int(CallBudget.burst) { _ = budget.reserve(.azure, "vault", within: .seconds(1), now: start) }
    #expect(budget.reserve(.azure, "vault", within: .milliseconds(10), now: start) == nil)
    #expect(budget.reserve(.azure, "vault", within: .milliseconds(10), now: start) == nil)
    #expect(budget.reserve(.azure, "vault", within: .milliseconds(10), now: start + .milliseconds(60)) == .zero)
  }

  @Test("accounts and providers do not share one")
  func apart() {
    let budget = CallBudget()
    let start = ContinuousClock.now
    for _ in 0..<Int(CallBudget.burst) { _ = budget.reserve(.azure, "a", within: .seconds(1), now: start) }
    #expect(budget.reserve(.azure, "b", within: .zero + .nanoseconds(1), now: start) == .zero)
    #expect(budget.reserve(.gcp, "a", within: .zero + .nanoseconds(1), now: start) == .zero)
  }

  @Test("issuers of credentials have one of their own, whoever they are")
  func issuers() async throws {
    for (settings, wrapped, account) in [
      (Clouds.awsRole, Clouds.awsBlob, "aws issuer sts.eu-central-1.amazonaws.com"),
      (Clouds.azure, Clouds.azureBlob, "azure issuer login.microsoftonline.com"),
      (Clouds.google, Clouds.googleBlob, "gcp issuer the machine's metadata service"),
    ] {
      let cloud = ScriptedCloud()
      let budget = CallBudget()
      let secret = settings.credentials.hasSecret ? "secret" : nil
      _ = await cloud.failure(try cloud.service(settings, secret: secret, budget: budget), wrapped)
      #expect(budget.names.contains(account), "\(budget.names)")
      let provider = settings.provider
      let name = String(account.dropFirst(provider.rawValue.count + 1))
      while budget.reserve(provider, name, within: .seconds(60), now: .now) != nil {}
      let sent = cloud.questions.count
      let other = try cloud.service(settings, secret: secret, budget: budget)
      let error = await cloud.failure(other, wrapped, deadline: .seconds(1))
      #expect(error?.kind == .throttled && error?.detail.contains(name) == true)
      #expect(cloud.questions.count == sent, "nothing was sent")
    }
  }

  @Test("a clock that goes back does not fill the bucket")
  func backwards() {
    let budget = CallBudget()
    let start = ContinuousClock.now
    for _ in 0..<Int(CallBudget.burst) { _ = budget.reserve(.azure, "a", within: .seconds(1), now: start) }
    #expect(budget.reserve(.azure, "a", within: .milliseconds(1), now: start - .seconds(60)) == nil)
  }

  @Test("a call without its share is throttled, and nothing is sent")
  func throttled() async throws {
    let cloud = ScriptedCloud()
    Clouds.account(cloud)
    let budget = CallBudget()
    let waiting = Int(CallBudget.burst + CallBudget.callsPerSecond(.gcp) * 60)
    for _ in 0..<waiting { _ = budget.reserve(.gcp, "p-1", within: .seconds(120), now: .now) }
    let error = await cloud.failure(
      try cloud.service(Clouds.google, budget: budget), Clouds.googleBlob, deadline: .seconds(5))
    #expect(error?.kind == .throttled && cloud.questions(":decrypt").isEmpty)
  }
}

@Suite("Base64 for URLs")
struct Base64URLTests {
  @Test("writes without padding, reads with and without", arguments: 0...70)
  func roundTrip(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 251) }
    let text = Base64URL.text(bytes)
    #expect(!text.contains("=") && !text.contains("+") && !text.contains("/"))
    #expect(Base64URL.bytes(text) == bytes)
    #expect(Base64URL.bytes(text + String(repeating: "=", count: (4 - text.count % 4) % 4)) == bytes)
    let ascii = Array(text.utf8)
    #expect(try Base64URL.secret(in: ascii.span, 0..<ascii.count)?.unprotectedCopy() == bytes)
  }

  @Test("refuses what is not canonical", arguments: ["A", "AAAAA", "ab+/", "ab==c", "a=", "=", "AB", "é", "AA A"])
  func refused(text: String) { #expect(Base64URL.bytes(text) == nil) }
}
