// SPDX-License-Identifier: GPL-3.0-or-later

public import KeyManagement
internal import NIOCore
internal import Secrets

/// An operator's calls to a running local KMS, as its first access key; for the command line.
///
/// `shutdown` has to be called when it is done.
public final class LocalKMSOperator: Sendable {
  /// How long one call may take.
  public static let deadline = Duration.seconds(15)

  /// How many seconds a temporary access key may last.
  public static let accessKeySeconds = 1...EngineCall.maximumDurationSeconds

  /// Where the server is.
  public let ready: LocalKMSReady
  private let factory: KeyManagementFactory
  private let client: AWSClient

  /// Finds the server of a folder by its `ready.json`, `ca.pem` and `credentials.json`.
  public init(directory: String) throws(LocalKMSError) {
    ready = try LocalKMSReady(directory: directory)
    guard let authority = try StateDirectory.read("\(directory)/\(LocalKMSServer.authorityFile)") else {
      throw LocalKMSError(.storage, "\(directory)/\(LocalKMSServer.authorityFile) is missing")
    }
    let credentials = try LocalKMSCredentials(file: "\(directory)/\(LocalKMSServer.credentialsFile)")
    // Made last: a factory that is dropped without `shutdown` traps.
    factory = KeyManagementFactory()
    do {
      client = try factory.makeClient(
        endpoint: ready.adminEndpoint, authorityPEM: String(decoding: authority, as: UTF8.self), region: ready.region,
        credentials: AWSCredentials(accessKeyID: credentials.accessKeyID, secretKey: credentials.secretKey))
    } catch {
      throw LocalKMSError(.settings, "the local KMS of \(directory) cannot be called", underlying: error)
    }
  }

  /// Closes the connections.
  public func shutdown() async { await factory.shutdown() }

  /// Makes a key, on demand one that can have replicas in other regions; answers it with its ARN.
  public func createKey(
    summary: String = "", isMultiRegion: Bool = false
  ) async throws(LocalKMSError) -> KMSKeyDescription {
    let answer = try await send(
      .createKey, [.init("Description", .string(summary)), .init("MultiRegion", .bool(isMultiRegion))])
    return try description(answer)
  }

  /// Makes a replica of a multi-Region key in another region; answers it with its ARN.
  public func replicate(_ keyID: String, to region: String) async throws(LocalKMSError) -> KMSKeyDescription {
    try description(
      try await send(
        .replicateKey, [.init("KeyId", .string(keyID)), .init("ReplicaRegion", .string(region))]),
      in: "ReplicaKeyMetadata")
  }

  /// Describes one key by its ARN or id.
  public func describe(_ keyID: String) async throws(LocalKMSError) -> KMSKeyDescription {
    try description(try await send(.describeKey, [.init("KeyId", .string(keyID))]))
  }

  /// Describes all keys.
  public func keys() async throws(LocalKMSError) -> [KMSKeyDescription] {
    var keys: [KMSKeyDescription] = []
    for item in try await pages(.listKeys, "Keys", { item, bytes in item.member("KeyArn")?.text(in: bytes) }) {
      keys.append(try await describe(item))
    }
    return keys
  }

  /// Disables a key: nothing can be unwrapped with it until it is enabled again.
  public func disable(_ keyID: String) async throws(LocalKMSError) {
    if Self.isVaultKey(keyID) { return try await setVaultKey(keyID, isEnabled: false) }
    if Self.isCryptoKey(keyID) { return try await setCryptoKey(keyID, isEnabled: false) }
    _ = try await send(.disableKey, [.init("KeyId", .string(keyID))])
  }

  /// Enables a key.
  public func enable(_ keyID: String) async throws(LocalKMSError) {
    if Self.isVaultKey(keyID) { return try await setVaultKey(keyID, isEnabled: true) }
    if Self.isCryptoKey(keyID) { return try await setCryptoKey(keyID, isEnabled: true) }
    _ = try await send(.enableKey, [.init("KeyId", .string(keyID))])
  }

  /// Schedules the deletion of a key in 7 to 30 days; Azure's and Google's dialects have terms of their own.
  public func scheduleDeletion(_ keyID: String, days: Int = 30) async throws(LocalKMSError) {
    if Self.isVaultKey(keyID) { return try await setVaultKey(keyID, isDeleted: true) }
    if Self.isCryptoKey(keyID) { return try await setCryptoKey(keyID, isDestroyed: true) }
    _ = try await send(
      .scheduleKeyDeletion, [.init("KeyId", .string(keyID)), .init("PendingWindowInDays", .integer(Int64(days)))])
  }

  /// Takes a scheduled deletion back; the key is disabled then.
  public func cancelDeletion(_ keyID: String) async throws(LocalKMSError) {
    if Self.isVaultKey(keyID) { return try await setVaultKey(keyID, isDeleted: false) }
    if Self.isCryptoKey(keyID) { return try await setCryptoKey(keyID, isDestroyed: false) }
    _ = try await send(.cancelKeyDeletion, [.init("KeyId", .string(keyID))])
  }

  /// Makes an access key that may use every key, and writes it to a new credentials file (0600); answers its id.
  ///
  /// A file that is there already is left as it is, and no key is made.
  /// With `lasting` it is temporary: it comes with a session token and expires.
  public func createAccessKey(writingTo file: String, lasting: Duration? = nil) async throws(LocalKMSError) -> String {
    let members: [JSONValue.Member] =
      lasting.map { [.init("DurationSeconds", .integer($0.components.seconds))] } ?? []
    var answer = try await sendReserving(file, .createAccessKey, members)
    defer { SecretWiping.wipe(&answer.body) }
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), let id = item.member("AccessKeyId")?.text(in: bytes),
      let secret = try LocalKMSCredentials.secret(item.member("SecretAccessKey"), in: bytes)
    else { throw Self.malformed }
    let token = try LocalKMSCredentials.secret(item.member("SessionToken"), in: bytes)
    do { try LocalKMSCredentials.write(file, accessKeyID: id, secretKey: secret, sessionToken: token) } catch {
      // Nobody has its secret: it must not stay.
      try? await deleteAccessKey(id)
      try? StateDirectory.removeFile(file)
      throw error
    }
    return id
  }

  /// Has something made whose secret goes into a file, once that file is known to be new and is there.
  func sendReserving(_ file: String, _ action: KMSAction, _ members: [JSONValue.Member]) async throws(LocalKMSError)
    -> HTTPAnswer
  {
    try StateDirectory.reserve(file)
    do { return try await send(action, members) } catch {
      try? StateDirectory.removeFile(file)
      throw error
    }
  }

  /// Removes an access key.
  public func deleteAccessKey(_ accessKeyID: String) async throws(LocalKMSError) {
    _ = try await send(.deleteAccessKey, [.init("AccessKeyId", .string(accessKeyID))])
  }

  /// The ids of all access keys.
  public func accessKeys() async throws(LocalKMSError) -> [String] {
    try await pages(.listAccessKeys, "AccessKeys") { item, bytes in item.member("AccessKeyId")?.text(in: bytes) }
  }

  /// Forbids an access key to use a key, or allows it again.
  public func setDenied(_ isDenied: Bool, accessKeyID: String, keyID: String) async throws(LocalKMSError) {
    _ = try await send(
      isDenied ? .denyAccess : .allowAccess,
      [.init("KeyId", .string(keyID)), .init("AccessKeyId", .string(accessKeyID))])
  }

  /// The access keys, roles, clients and service accounts that may not use a key.
  public func denied(_ keyID: String) async throws(LocalKMSError) -> [String] {
    let answer = try await send(.listDenials, [.init("KeyId", .string(keyID))])
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), case .array(let items)? = item.member("Denied") else {
      throw Self.malformed
    }
    return items.compactMap { $0.text(in: bytes) }
  }

  /// The last lines of a folder's audit log, oldest first, each a JSON object; no server is asked.
  public static func audit(directory: String, last count: Int = 100) throws(LocalKMSError) -> [String] {
    guard DurableFile.exists("\(directory)/\(LocalKMSServer.credentialsFile)") else {
      throw LocalKMSError(.unreachable, "\(directory) is not the folder of a local KMS")
    }
    return try AuditLog.last(max(0, count), inFolder: directory)
  }

  func send(_ action: KMSAction, _ members: [JSONValue.Member]) async throws(LocalKMSError) -> HTTPAnswer {
    let call = AWSClient.Call(target: action.rawValue, operation: .administer, keyID: "")
    do {
      return try await client.perform(call, body: AWSRequestBody.plain(members), deadline: Self.deadline)
    } catch {
      switch error.kind {
      case .network, .tls, .timeout:
        throw LocalKMSError(.unreachable, "\(ready.endpoint) does not answer: \(error.detail)")
      default:
        throw LocalKMSError(Self.code(of: error.providerCode), "\(error.detail) (\(error.providerCode))")
      }
    }
  }

  /// What an error type of AWS's, Azure's or Google's dialect means for the operator.
  static func code(of type: String) -> LocalKMSError.Code {
    switch type {
    case "NotFoundException", "KeyNotFound", "NOT_FOUND": .notFound
    case "AlreadyExistsException", "ALREADY_EXISTS": .alreadyExists
    case "ValidationException", "SerializationException", "BadParameter", "INVALID_ARGUMENT": .invalid
    default: .refused
    }
  }

  private func description(
    _ answer: HTTPAnswer, in member: String = "KeyMetadata"
  ) throws(LocalKMSError) -> KMSKeyDescription {
    let bytes = answer.body.readableBytesUInt8Span
    let call = AWSClient.Call(target: "", operation: .administer, keyID: "")
    guard let metadata = (try? JSONReader.read(bytes))?.member(member),
      let description = try? AWSKeyMetadata.description(metadata, in: bytes, call: call, isExpected: { _ in true })
    else { throw Self.malformed }
    return description
  }

  func pages(_ action: KMSAction, _ list: String, _ value: (JSONItem, Span<UInt8>) -> String?)
    async throws(LocalKMSError) -> [String]
  {
    var values: [String] = []
    var marker: String?
    repeat {
      let answer = try await send(action, marker.map { [.init("Marker", .string($0))] } ?? [])
      let bytes = answer.body.readableBytesUInt8Span
      guard let item = try? JSONReader.read(bytes), case .array(let items)? = item.member(list) else {
        throw Self.malformed
      }
      values += items.compactMap { value($0, bytes) }
      marker = item.member("NextMarker")?.text(in: bytes)
    } while marker != nil
    return values
  }

  static let malformed = LocalKMSError(.refused, "the server's answer is not one of a local KMS")
}
