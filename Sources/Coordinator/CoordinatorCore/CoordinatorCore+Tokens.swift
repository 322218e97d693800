// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Nodes that enrol themselves, each once, by a token that an operator made for it.
///
/// A token is spent in the transaction that enrols its node. Asked again with the same key, by an agent that did not
/// hear the answer, the coordinator gives it again; everything else is refused, and kept in the audit record.
extension CoordinatorCore {
  /// Makes a token of its public half; an unused one of the same node is withdrawn.
  ///
  /// Throws `CoordinatorError` if the node is enrolled already, the key is none or taken, or the time is out of bounds.
  public mutating func createToken(
    for node: NodeName, cluster: ClusterName?, project: ProjectName? = nil, publicKey: String, minutes: Int,
    by admin: OperatorName, now: Instant
  ) throws(CoordinatorError) -> Decision<TokenRecord> {
    let refusal = "No token was made for node \(node)."
    guard EnrolmentTokenView.allowedMinutes.contains(minutes) else {
      let allowed = EnrolmentTokenView.allowedMinutes
      throw CoordinatorError(
        .invalid, refusal, why: "expires: a token holds \(allowed.lowerBound) to \(allowed.upperBound) minutes.")
    }
    try Self.check(publicKey: publicKey)
    if nodeRecords[node] != nil {
      throw CoordinatorError(
        .alreadyExists, refusal, why: "A node of this name is enrolled already.",
        next: "See it with: keyfold node show \(node)")
    }
    try checkUnused(publicKey: publicKey, by: "a token")
    let owner = try owner(of: node, cluster: cluster, project: project)
    forgetOldTokens(now: now)
    guard tokenRecords.count < CoordinatorLimits.maximumTokens else {
      throw CoordinatorError(
        .refused, refusal, why: "There are \(CoordinatorLimits.maximumTokens) tokens, the most remembered.",
        next: "Wait until some are forgotten, a day after their end: keyfold node token list")
    }
    for former in openTokens(of: node) { end(former, .withdrawn, now: now) }
    let token = TokenRecord(
      publicKey: publicKey, node: node, cluster: cluster, project: owner, createdBy: admin, createdAt: now,
      expiresAt: now + .seconds(60 * minutes))
    put(token)
    sends.append(.allowListChanged)
    return Decision(token, flush())
  }

  /// Takes back the unused token of a node; throws `CoordinatorError` if there is none.
  public mutating func withdrawToken(of node: NodeName, now: Instant) throws(CoordinatorError) -> Decision<Void> {
    let open = openTokens(of: node)
    guard !open.isEmpty else {
      throw CoordinatorError(
        .notFound, "There is no unused token for node \(node).", next: "See all with: keyfold node token list")
    }
    for token in open { end(token, .withdrawn, now: now) }
    return Decision((), flush())
  }

  /// Whoever holds a token asks for its node's enrolment; `request` is nil if it asked for anything else. Answers why
  /// it is refused, nil if the node is enrolled.
  public mutating func onEnrolment(
    token key: String, request: (node: NodeName, publicKey: String)?, from address: String?, now: Instant
  ) -> (refusal: String?, directives: [CoordinatorDirective]) {
    guard let token = tokenRecords[key], token.isHeard else { return ("the token is not known here", []) }
    watch(token, now: now)
    guard let token = tokenRecords[key] else { return ("the token is not known here", flush()) }
    do throws(CoordinatorError) {
      try enroll(by: token, request: request, from: address, now: now)
      return (nil, flush())
    } catch {
      let why = [error.what, error.why, error.next].filter { !$0.isEmpty }.joined(separator: " ")
      refuse(token, why, from: address, now: now)
      return (why, flush())
    }
  }

  private mutating func enroll(
    by token: TokenRecord, request: (node: NodeName, publicKey: String)?, from address: String?, now: Instant
  ) throws(CoordinatorError) {
    let what = "Node \(token.node) was not enrolled."
    guard let request else {
      throw CoordinatorError(.invalid, what, why: "A token opens nothing but its node's enrolment.")
    }
    guard request.node == token.node else {
      throw CoordinatorError(.refused, "Node \(request.node) was not enrolled.", why: "The token is for another node.")
    }
    let again = "Ask for another token: keyfold node token create \(token.node)"
    switch token.state {
    case .open: break
    case .used:
      // Its answer may have been lost, with the coordinator or on the way.
      if request.publicKey == token.usedBy, nodeRecords[token.node]?.publicKey == token.usedBy,
        nodeRecords[token.node]?.revokedAt == nil
      {
        let repeats = tokenRepeats[token.publicKey] ?? 0
        guard repeats < CoordinatorLimits.tokenRepeats else {
          throw CoordinatorError(
            .refused, what, why: "It is enrolled, and the answer was given \(repeats) times more.",
            next: "Start its agent; if it gets nothing: keyfold node show \(token.node)")
        }
        tokenRepeats[token.publicKey] = repeats + 1
        return
      }
      throw CoordinatorError(
        .refused, what, why: "The token was used already, once and for another key.",
        next: "If that was not you, somebody else has it: keyfold node revoke \(token.node)")
    case .expired: throw CoordinatorError(.refused, what, why: "The token has expired.", next: again)
    case .restored:
      throw CoordinatorError(
        .refused, what,
        why: "The coordinator was put back from an older copy since the token was made, or its record was changed.",
        next: again)
    case .withdrawn, .blocked: throw CoordinatorError(.refused, what, why: "The token was withdrawn.", next: again)
    }
    // Another way of enrolling it may have been faster.
    if let known = nodeRecords[token.node], known.publicKey != request.publicKey {
      throw CoordinatorError(.refused, what, why: "It is enrolled already with another key.")
    }
    guard request.publicKey != token.publicKey else {
      throw CoordinatorError(.refused, what, why: "A token is no identity of a node.")
    }
    // Enrolled by hand meanwhile, with this very key: what was said then about cluster and project holds.
    if nodeRecords[token.node] == nil {
      _ = try enroll(
        token.node, cluster: token.cluster, project: token.project, publicKey: request.publicKey, now: now)
    }
    var spent = token
    spent.usedBy = request.publicKey
    end(spent, .used, now: now)
    audit(
      AuditEntry(
        at: OperatorTime(milliseconds: now.milliseconds), by: .node(token.node), action: "node enrolled",
        subject: token.node.text,
        detail: "by the token that \(token.createdBy) made, token \(token.publicKey), key \(request.publicKey), "
          + "from \(address ?? "an unknown address")"), now: now)
  }

  private mutating func refuse(_ token: TokenRecord, _ why: String, from address: String?, now: Instant) {
    guard var record = tokenRecords[token.publicKey] else { return }
    record.refusals += 1
    audit(
      "node token refused", on: token.node.text,
      "token \(token.publicKey), from \(address ?? "an unknown address"): \(why)", now: now)
    put(record)
    if record.refusals >= CoordinatorLimits.tokenRefusals { end(record, .blocked, now: now) }
  }

  // MARK: What becomes of tokens

  /// Ends what has expired, and what a restore made doubtful; forgets what ended long ago.
  mutating func attendTokens(now: Instant) {
    for token in tokenRecords.values.sorted(by: { $0.publicKey < $1.publicKey }) { watch(token, now: now) }
    forgetOldTokens(now: now)
  }

  private mutating func watch(_ token: TokenRecord, now: Instant) {
    guard token.state == .open else { return }
    if let since = doubted(token), token.createdAt <= since {
      end(token, .restored, now: now)
    } else if now >= token.expiresAt || now + CoordinatorLimits.clockTolerance < token.createdAt {
      // A clock that was set back prolongs nothing.
      end(token, .expired, now: now)
    }
  }

  private mutating func forgetOldTokens(now: Instant) {
    for token in tokenRecords.values {
      guard let endedAt = token.endedAt, !now.isWithin(CoordinatorLimits.tokenMemory, after: endedAt) else { continue }
      tokenRecords[token.publicKey] = nil
      tokenRepeats[token.publicKey] = nil
      dirty.insert(RecordKey(kind: .token, id: token.publicKey))
      sends.append(.allowListChanged)
    }
  }

  private mutating func end(_ token: TokenRecord, _ state: EnrolmentTokenView.State, now: Instant) {
    var token = token
    token.state = state
    token.endedAt = now
    put(token)
    sends.append(.allowListChanged)
    if state != .used {
      audit("node token \(state.rawValue)", on: token.node.text, "token \(token.publicKey)", now: now)
    }
  }

  private mutating func put(_ token: TokenRecord) {
    guard tokenRecords[token.publicKey] != token else { return }
    tokenRecords[token.publicKey] = token
    dirty.insert(RecordKey(kind: .token, id: token.publicKey))
  }

  // MARK: What operators see

  private func openTokens(of node: NodeName) -> [TokenRecord] {
    tokenRecords.values.filter { $0.node == node && $0.state == .open }
  }

  /// All tokens that are remembered, those made last first.
  public var tokenViews: [EnrolmentTokenView] {
    tokenRecords.values.sorted { ($0.createdAt, $0.publicKey) > ($1.createdAt, $1.publicKey) }.map { view(of: $0) }
  }

  /// A token as operators see it.
  public func view(of token: TokenRecord) -> EnrolmentTokenView {
    EnrolmentTokenView(
      node: token.node, cluster: token.cluster, project: token.project, publicKey: token.publicKey,
      createdBy: token.createdBy,
      createdAt: OperatorTime(milliseconds: token.createdAt.milliseconds),
      expiresAt: OperatorTime(milliseconds: token.expiresAt.milliseconds), state: token.state, usedBy: token.usedBy,
      refusals: token.refusals)
  }
}
