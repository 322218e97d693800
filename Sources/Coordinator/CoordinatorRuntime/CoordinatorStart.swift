// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import CoordinatorCore
internal import DaemonRuntime
internal import Secrets
internal import Transport

/// What a coordinator does before it serves: its directory, keys, memory, and the first operator's file.
enum CoordinatorStart {
  /// The file with the coordinator's CURVE secret key in its data directory.
  static let identityFile = "coordinator.key"
  /// The name of the operator of the first start.
  static let firstOperator = OperatorName(checked: "admin")

  /// Takes the data directory and opens all that is in it; makes at the first start what is missing.
  static func open(_ configuration: CoordinatorConfiguration, now: Instant) throws -> OpenedCoordinator {
    let (host, port) = try configuration.check()
    let directory = configuration.data
    do { try DurableFile.makeFolder(directory) } catch {
      throw CoordinatorFault(.directory, "the data directory \(directory) can't be made", underlying: error)
    }
    let memory = try CoordinatorMemory(directory: directory)
    do { try ReadyFile.remove(from: directory) } catch {
      throw CoordinatorFault(.directory, "the data directory \(directory) can't be used", underlying: error)
    }
    let rootKey = try RootKey.load(
      directory: directory, file: configuration.rootKeyFile, isSealed: try memory.holdsSecrets())
    let identity = try identity(directory: directory)
    let controlPlane = configuration.controlPlane.isEmpty ? [host] : configuration.controlPlane
    let core = try core(memory: memory, epoch: try memory.takeEpoch(), controlPlane: controlPlane, now: now)
    return OpenedCoordinator(
      directory: directory, host: host, port: port, memory: memory, rootKey: rootKey, identity: identity, core: core,
      operatorFile: try operatorFile(directory: directory, core: core, coordinator: identity))
  }

  /// A core with everything that was remembered.
  static func core(
    memory: CoordinatorMemory, epoch: Epoch, controlPlane: [String], now: Instant
  ) throws(CoordinatorFault) -> CoordinatorCore {
    let identifiers = IdentifierSource(high: .random(in: .min ... .max), low: .random(in: .min ... .max))
    let records = try memory.records()
    do {
      return try CoordinatorCore(
        restored: records, epoch: epoch, controlPlane: controlPlane, identifiers: identifiers, now: now)
    } catch {
      throw CoordinatorFault(.storage, error.description)
    }
  }

  /// Reads the coordinator's CURVE key pair; makes one at the first start.
  static func identity(directory: String) throws(CoordinatorFault) -> CurveIdentity {
    let path = directory + "/" + identityFile
    do {
      if DurableFile.exists(path) { return try CurveIdentity.load(from: path) }
      let identity = try CurveIdentity.generate()
      try identity.save(to: path)
      return identity
    } catch {
      throw CoordinatorFault(.transport, "the coordinator's own key can't be used", underlying: error)
    }
  }

  /// The first operator's key pair: of the file that is there, or a new one at the first start; nil if an operator took
  /// the file away on purpose.
  static func operatorFile(
    directory: String, core: CoordinatorCore, coordinator: CurveIdentity
  ) throws(CoordinatorFault) -> OperatorFile? {
    let path = directory + "/" + OperatorFile.name
    if DurableFile.exists(path) {
      do { return try OperatorFile.read(path) } catch { throw CoordinatorFault(.directory, error.description) }
    }
    guard !core.operators.contains(where: { $0.name == firstOperator }) else { return nil }
    do {
      let identity = try CurveIdentity.generate()
      let text = try identity.secretKeyText()
      let file = OperatorFile(
        coordinator: "", coordinatorKey: coordinator.publicKey.text, operatorName: firstOperator.text,
        publicKey: identity.publicKey.text, secretKey: Secret(try withoutLineEnd(text)))
      try file.write(path)
      return file
    } catch let error as ConfigurationError {
      throw CoordinatorFault(.directory, error.description)
    } catch {
      throw CoordinatorFault(.transport, "the first operator's key can't be made", underlying: error)
    }
  }

  /// The text of a CURVE secret key without its line end.
  private static func withoutLineEnd(_ text: borrowing SecretBytes) throws(SecretsError) -> SecretBytes {
    var bytes = text.unprotectedCopy()
    defer { SecretBytes.wipe(&bytes) }
    var line = Array(bytes.prefix(CurvePublicKey.textLength))
    defer { SecretBytes.wipe(&line) }
    return try SecretBytes(copying: line)
  }
}
