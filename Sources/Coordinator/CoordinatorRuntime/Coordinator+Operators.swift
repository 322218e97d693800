// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import DaemonRuntime
internal import Logging
internal import Messages
internal import Secrets
internal import Transport

/// What operators ask.
extension Coordinator {
  func answer(_ name: OperatorName, _ inbound: Inbound) throws(CoordinatorFault) {
    guard case .operatorRequest(let request) = inbound.envelope.body else {
      return fault(.notAllowed, "operators do not send this to the coordinator", to: inbound)
    }
    let asker = Asker(
      route: inbound.route, messageID: inbound.envelope.messageID, takesParts: request.takesParts)
    do {
      guard let order = inbound.order else { throw Self.unreadable("it is empty") }
      let (command, secret) = try order.withBytes(Self.read)
      logger.log(
        level: command.isOrder ? .notice : .debug, "operator asks",
        metadata: ["operator": "\(name)", "command": "\(command.commandName)"])
      if let answer = try audited(command, of: name, secret: secret, asker: asker) { reply(answer, to: asker) }
    } catch let failure as OperatorFailure {
      reply(.failure(failure), to: asker)
    } catch let fault as CoordinatorFault {
      throw fault
    } catch {
      reply(.failure(OperatorFailure(.failed, what: "It was not done.", why: "\(error)")), to: asker)
    }
  }

  /// Does what the operator's roles allow, and answers what they let the operator see. What changes something is kept
  /// in the audit record together with its decision, in one transaction, or before it has effects elsewhere; a refusal
  /// before it is answered.
  private func audited(
    _ command: OperatorCommand, of name: OperatorName, secret: Secret?, asker: Asker
  ) throws -> OperatorAnswer? {
    do { try core.authorize(command, by: name) } catch {
      // Also what would only have been looked at: a refusal says that somebody reached for what was not theirs.
      let refusal = "\(error.what) \(error.why)"
      if command.isOrder {
        try perform(core.onOrder(command, by: name, refusal: refusal, now: now))
      } else if error.code == .forbidden {
        try perform(core.onRefusedLook(command, by: name, refusal: refusal, now: now))
      }
      throw Self.failure(error)
    }
    guard command.isOrder else {
      return try answer(command, of: name, secret: secret, asker: asker).map { core.visible($0, to: name) }
    }
    core.noteOrder(command, by: name, now: now)
    let answer: OperatorAnswer?
    do { answer = try self.answer(command, of: name, secret: secret, asker: asker) } catch {
      // What could not be remembered ends the coordinator.
      if let fault = error as? CoordinatorFault { throw fault }
      let refusal = (error as? OperatorFailure).map { "\($0.what) \($0.why)" } ?? "\(error)"
      try perform(core.onOrder(command, by: name, refusal: refusal, now: now))
      throw error
    }
    try perform(core.onOrder(command, by: name, refusal: nil, now: now))
    return answer
  }

  /// Splits a request into command and secret.
  private static func read(_ order: RawSpan) throws(OperatorFailure) -> (OperatorCommand, Secret?) {
    do {
      let (command, range) = try OperatorPayload.decodeCommand(order)
      return (command, range.isEmpty ? nil : Secret(try SecretBytes(copying: order.extracting(range))))
    } catch { throw unreadable("\(error)") }
  }

  private static func unreadable(_ why: String) -> OperatorFailure {
    OperatorFailure(
      .versionMismatch, what: "The request can't be read.", why: why,
      next: "Use the keyfold of the coordinator's version.")
  }

  func reply(_ answer: OperatorAnswer, to asker: Asker) {
    var status: UInt32 = 0
    if case .failure(let failure) = answer { status = Self.status(failure.code) }
    let bytes: [UInt8]
    do { bytes = try OperatorPayload.encode(answer) } catch {
      return logger.error("an answer has no JSON", metadata: ["reason": "\(error)"])
    }
    guard bytes.count <= MessageLink.maximumWholeBytes else {
      return reply(
        .failure(
          OperatorFailure(
            .failed, what: "The answer is too long to be sent.",
            why: "It has \(bytes.count) bytes, at most \(MessageLink.maximumWholeBytes) are.",
            next: "Ask for less: one project, cluster or node.")), to: asker)
    }
    guard let parts = Self.parts(of: bytes, takesParts: asker.takesParts) else {
      return reply(.failure(Self.needsParts(bytes.count)), to: asker)
    }
    for (index, part) in parts.enumerated() {
      let envelope = Envelope(
        .operatorReply(OperatorReply(status: status, final: index == parts.count - 1)), epoch: core.epoch,
        correlationID: asker.messageID)
      send(envelope, payload: part, to: asker.route)
    }
  }

  /// An answer as it is sent: in parts, so that none is too long for a frame, nor others wait behind a long one.
  /// Whoever reads one part alone gets it in one, nil if that is too long.
  static func parts(of bytes: [UInt8], takesParts: Bool) -> [[UInt8]]? {
    if !takesParts { return bytes.count <= TransportLimits.control.maximumFrameBytes ? [bytes] : nil }
    let starts = stride(from: 0, to: max(bytes.count, 1), by: partLength)
    return starts.map { Array(bytes[$0..<min($0 + partLength, bytes.count)]) }
  }

  /// The longest part of an answer to an operator, in bytes.
  private static let partLength = 256 << 10

  private static func needsParts(_ count: Int) -> OperatorFailure {
    OperatorFailure(
      .versionMismatch, what: "The answer is too long for this keyfold, which reads no answers in parts.",
      why: "It has \(count) bytes, at most \(TransportLimits.control.maximumFrameBytes) fit into one.",
      next: "Use the keyfold of this coordinator, version \(KeyfoldVersion.text), or ask for less.")
  }

  /// The exit code that belongs to a failure; see the help of `keyfold`.
  private static func status(_ code: OperatorFailure.Code) -> UInt32 {
    switch code {
    case .invalid: 2
    case .notFound, .alreadyExists, .conflict, .forbidden: 4
    case .unreachable: 3
    case .unanswered: 5
    case .kmsFailed, .failed, .versionMismatch: 1
    }
  }

  /// The core's error in the operator's words.
  static func failure(_ error: CoordinatorError) -> OperatorFailure {
    let code: OperatorFailure.Code =
      switch error.code {
      case .notFound: .notFound
      case .alreadyExists: .alreadyExists
      case .refused, .conflict: .conflict
      case .forbidden: .forbidden
      case .invalid: .invalid
      case .damagedState: .failed
      }
    return OperatorFailure(code, what: error.what, why: error.why, next: error.next)
  }

  /// A core that decided something; its directives are performed before the answer is made.
  func performed<Value>(_ decide: () throws(CoordinatorError) -> Decision<Value>) throws -> Value {
    let decision: Decision<Value>
    do { decision = try decide() } catch { throw Self.failure(error) }
    try perform(decision.directives)
    return decision.value
  }

  /// A record of the core, or the failure that it is not there.
  func found<Value>(_ find: () throws(CoordinatorError) -> Value) throws(OperatorFailure) -> Value {
    do { return try find() } catch { throw Self.failure(error) }
  }
}
