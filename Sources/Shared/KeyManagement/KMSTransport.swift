// SPDX-License-Identifier: GPL-3.0-or-later

/// What the clients of all providers share: sending inside the budget, repeating what may be repeated, keeping record.
package struct KMSTransport: Sendable {
  /// The network.
  let exchange: any HTTPExchange
  /// The time of day.
  let clock: WallClock
  /// The account's share of calls, nil for no limit.
  let budget: CallBudget.Share?
  /// Is told of every request that was sent to the KMS itself.
  let onCall: (@Sendable (KMSCallRecord) -> Void)?
  /// Chance for the pauses between attempts, in 0..<1.
  let jitter: @Sendable () -> Double
  /// Lets the time between two attempts pass.
  let rest: @Sendable (Duration) async -> Void

  /// Makes a transport of its parts.
  package init(
    exchange: any HTTPExchange, clock: WallClock, budget: CallBudget.Share? = nil,
    onCall: (@Sendable (KMSCallRecord) -> Void)? = nil,
    jitter: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
    rest: @escaping @Sendable (Duration) async -> Void = { try? await Task.sleep(for: $0) }
  ) {
    self.jitter = jitter
    self.rest = rest
    self.exchange = exchange
    self.clock = clock
    self.budget = budget
    self.onCall = onCall
  }

  /// Repeats `once` until there is an answer, a failure that repeating cannot mend, or no time left.
  func repeating<Value: Sendable>(
    _ call: KMSCall, deadline: Duration, _ once: (Duration) async throws(KMSError) -> Value
  ) async throws(KMSError) -> Value {
    let start = ContinuousClock.now
    var attempt = 1
    var last: KMSError?
    while true {
      let remaining = deadline - start.duration(to: .now)
      guard remaining > .zero else { throw last ?? call.error(.timeout, "no time was left for the call") }
      do {
        return try await once(min(remaining, RetrySchedule.longestAttempt))
      } catch {
        last = error
        let left = deadline - start.duration(to: .now)
        guard error.isRetryable, !Task.isCancelled,
          let pause = RetrySchedule.pause(
            after: attempt, remaining: left, random: jitter(), asked: error.retryAfter)
        else { throw error }
        attempt += 1
        await rest(pause)
      }
    }
  }

  /// Sends one request to the KMS itself: waits for the account's share, and keeps record of how it ended.
  ///
  /// `read` makes of the answer what the caller wants, or the refusal it is; its second result is the request's id.
  func ask<Value: Sendable>(
    _ call: KMSCall, _ question: HTTPQuestion, timeout: Duration, requestID: (HTTPAnswer) -> String,
    _ read: (HTTPAnswer) throws(KMSError) -> Value
  ) async throws(KMSError) -> Value {
    let start = ContinuousClock.now
    try await takeTurn(call, within: timeout)
    let sentAt = clock.nowMilliseconds()
    var id = ""
    var asked: Duration?
    do throws(KMSError) {
      let answer = try await exchanged(call, question, timeout: timeout - start.duration(to: .now))
      id = AnswerText.cleaned(requestID(answer), limit: 80)
      asked = RetryAfter.read(answer, nowSeconds: clock.nowSeconds)
      let value = try read(answer)
      record(call, id, nil, sentAt)
      return value
    } catch {
      record(call, id, error.kind, sentAt)
      var error = error
      error.retryAfter = asked
      throw error
    }
  }

  /// Sends one request to an issuer of credentials: waits for its share, and keeps no record.
  func send(_ call: KMSCall, _ question: HTTPQuestion, timeout: Duration) async throws(KMSError) -> HTTPAnswer {
    let start = ContinuousClock.now
    try await takeTurn(call, within: timeout)
    return try await exchanged(call, question, timeout: timeout - start.duration(to: .now))
  }

  private func takeTurn(_ call: KMSCall, within timeout: Duration) async throws(KMSError) {
    guard let budget, await !budget.take(within: timeout) else { return }
    throw call.error(
      .throttled, "Keyfold's own limit of calls to \(budget.account) is used up; see the budget of calls")
  }

  private func exchanged(
    _ call: KMSCall, _ question: HTTPQuestion, timeout: Duration
  ) async throws(KMSError) -> HTTPAnswer {
    do { return try await exchange.send(question, timeout: timeout) } catch {
      throw call.error(error.kind, error.detail)
    }
  }

  private func record(_ call: KMSCall, _ requestID: String, _ failure: KMSError.Kind?, _ sentAt: Int64) {
    onCall?(
      KMSCallRecord(
        provider: call.provider, operation: call.operation, keyID: call.keyID, requestID: requestID, failure: failure,
        startedAtMilliseconds: sentAt))
  }
}
