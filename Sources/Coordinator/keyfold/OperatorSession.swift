// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import DaemonRuntime
internal import Foundation
internal import Logging
internal import Messages
internal import Secrets
internal import Transport

/// One operator's connection to the coordinator.
struct OperatorSession {
  /// How long the first connection may take: a coordinator that is being restarted is back within it.
  static let connectTimeout = Duration.seconds(5)

  private let link: MessageLink
  private let file: OperatorFile
  private let path: String
  private let timeout: Duration?

  /// Reads the operator file and connects; throws a failure that says what to do.
  static func open(_ path: String, timeout: Duration?) async throws(OperatorFailure) -> OperatorSession {
    let file = try read(path)
    let session = try OperatorSession(file: file, path: path, timeout: timeout)
    do {
      try session.link.start()
      try await session.link.connected(within: min(timeout ?? connectTimeout, connectTimeout))
    } catch {
      session.close()
      throw session.failure(error)
    }
    return session
  }

  private init(file: OperatorFile, path: String, timeout: Duration?) throws(OperatorFailure) {
    (self.file, self.path, self.timeout) = (file, path, timeout)
    do {
      let identity = try file.secretKey.withSecret { (secret) throws(TransportError) in
        try CurveIdentity(secretKeyText: secret)
      }
      link = try MessageLink(
        endpoint: file.coordinator, serverKey: CurvePublicKey(file.coordinatorKey), identity: identity,
        logger: Logger(label: "keyfold") { _ in SwiftLogNoOpLogHandler() }, onEvent: { _ in })
    } catch {
      throw OperatorFailure(
        .invalid, what: "The operator file \(path) can't be used.", why: error.description,
        next: "Take the \(OperatorFile.name) that the coordinator wrote into its data directory.")
    }
  }

  /// Where this command reaches the coordinator, and by which key it knows it.
  var coordinator: (address: String, key: String) { (file.coordinator, file.coordinatorKey) }

  /// Ends the connection.
  func close() { link.close() }

  /// Asks the coordinator; a `failure` in its answer is thrown. The secret is appended to the request and wiped.
  func ask(_ command: OperatorCommand, secret: Secret? = nil) async throws(OperatorFailure) -> OperatorAnswer {
    var payload = try Self.payload(command, secret: secret)
    defer { SecretBytes.wipe(&payload) }
    let answer: OperatorAnswer
    let timeout = timeout ?? command.patience
    do {
      let reply = try await link.callForWhole(
        Envelope(.operatorRequest(OperatorRequest(name: command.commandName))), payload: payload, within: timeout)
      answer = try Self.answer(reply)
    } catch let error as TransportError where [.deadline, .notConnected].contains(error.code) {
      throw OperatorFailure(
        .unanswered, what: "The coordinator at \(file.coordinator) has not answered; it may do it all the same.",
        why: error.description,
        next: "Look how things stand before you order it again, or wait longer with --timeout.")
    } catch let error as TransportError {
      throw failure(error)
    } catch let error as OperatorFailure {
      throw error
    } catch {
      throw OperatorFailure(.versionMismatch, what: "The coordinator's answer can't be read.", why: "\(error)")
    }
    if case .failure(let failure) = answer { throw failure }
    return answer
  }

  private static func payload(_ command: OperatorCommand, secret: Secret?) throws(OperatorFailure) -> [UInt8] {
    let json: [UInt8]
    do { json = try OperatorPayload.encode(command) } catch {
      throw OperatorFailure(.invalid, what: error.description)
    }
    guard let secret else { return json }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(json.count + secret.count)
    bytes += json
    secret.withBytes { span in unsafe span.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
    return bytes
  }

  private static func answer(_ reply: Reply) throws -> OperatorAnswer {
    guard case .operatorReply = reply.envelope.body else {
      throw OperatorFailure(
        .versionMismatch, what: "The coordinator answered with a message of another kind.",
        next: "Use the keyfold of the coordinator's version.")
    }
    do { return try OperatorPayload.decodeAnswer(reply.payload) } catch {
      throw OperatorFailure(
        .versionMismatch, what: "The coordinator's answer can't be read.", why: error.description,
        next: "Use the keyfold of the coordinator's version; this one is \(KeyfoldVersion.text).")
    }
  }

  private static func read(_ path: String) throws(OperatorFailure) -> OperatorFile {
    do { return try OperatorFile.read(path) } catch {
      throw OperatorFailure(
        DurableFile.exists(path) ? .invalid : .unreachable,
        what: "The coordinator to ask is not known: the operator file can't be used.", why: error.description,
        next: DurableFile.exists(path)
          ? ""
          : "Start keyfold-coordinator, which writes \(OperatorFile.name) into its data directory, and name that file "
            + "with --operator or KEYFOLD_OPERATOR.")
    }
  }

  /// What a failure of the connection means for an operator.
  private func failure(_ error: TransportError) -> OperatorFailure {
    switch error.code {
    case .refused:
      OperatorFailure(
        .forbidden, what: "The coordinator at \(file.coordinator) refused this operator's key.", why: error.description,
        next:
          "Take the present \(OperatorFile.name) from the coordinator's data directory; \(path) may be an older one."
      )
    case .fault where error.fault?.code == .notAllowed:
      OperatorFailure(.forbidden, what: "The coordinator does not let this operator do that.", why: error.description)
    case .fault where error.fault?.code == .unsupportedVersion || error.fault?.code == .unknownMessage:
      OperatorFailure(
        .versionMismatch, what: "The coordinator speaks another version.", why: error.description,
        next: "Use the keyfold of the coordinator's version; this one is \(KeyfoldVersion.text).")
    case .fault: OperatorFailure(.failed, what: "The coordinator could not do it.", why: error.description)
    case .encoding, .tooLarge: OperatorFailure(.invalid, what: "The request can't be sent.", why: error.description)
    case .address, .identity, .closed, .notConnected, .congested, .deadline, .cancelled, .system:
      OperatorFailure(
        .unreachable, what: "The coordinator at \(file.coordinator) can't be reached.", why: error.description,
        next: "See whether keyfold-coordinator runs and look into its log; nodes serve on without it.")
    }
  }
}
