// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel
internal import NIOCore
public import Secrets

/// A key in AWS KMS, or in a server that speaks its protocol.
public struct AWSKeyManagementService: KeyManagementService {
  /// The largest plaintext KMS encrypts, in bytes (API reference, Encrypt).
  public static let maximumPlaintextBytes = 4096
  /// The largest ciphertext KMS takes, in bytes (API reference, Decrypt).
  public static let maximumBlobBytes = 6144

  /// The key, in the region it is asked in.
  public let key: KeyARN

  let client: AWSClient

  init(key: KeyARN, client: AWSClient) {
    self.key = key
    self.client = client
  }

  /// Encrypts `key`'s bytes under `context` as encryption context (KMS action Encrypt).
  public func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey
  {
    let call = AWSClient.Call(
      target: "TrentService.Encrypt", operation: .wrap, keyID: self.key.description, context: context)
    guard (1...Self.maximumPlaintextBytes).contains(key.count) else {
      throw call.error(.localFailure, "a key of \(key.count) bytes cannot be wrapped")
    }
    var body = key.withBytes { bytes in
      AWSRequestBody.secret("Plaintext", bytes, [keyMember, Self.member(of: context)])
    }
    defer { SecretWiping.wipe(&body) }
    let answer = try await client.perform(call, body: body, deadline: deadline)
    return try wrapped(answer, call)
  }

  /// Decrypts a blob under `context` and checks that this key did it (KMS action Decrypt).
  public func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes
  {
    let call = AWSClient.Call(
      target: "TrentService.Decrypt", operation: .unwrap, keyID: key.description, context: context)
    guard wrapped.provider == .aws, let named = try? KeyARN(wrapped.keyID), key.isSameKey(as: named) else {
      throw call.error(.otherKey, "the stored key was wrapped by another key, \(wrapped.keyID)")
    }
    guard (1...Self.maximumBlobBytes).contains(wrapped.blob.count) else {
      throw call.error(.corruptBlob, "the wrapped key has \(wrapped.blob.count) bytes")
    }
    let body = AWSRequestBody.plain([
      keyMember, Self.member(of: context), .init("CiphertextBlob", .string(Base64.text(wrapped.blob))),
    ])
    let started = ContinuousClock.now
    do {
      var answer = try await client.perform(call, body: body, deadline: deadline)
      defer { SecretWiping.wipe(&answer.body) }
      return try plaintext(answer, call)
    } catch {
      throw await resolved(error, context: context, deadline: deadline - started.duration(to: .now))
    }
  }

  /// Describes the key (KMS action DescribeKey).
  public func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    try await describe(context: nil, deadline: deadline)
  }

  /// The same key, asked with sessions that are made for each call.
  public func renewing() -> any KeyManagementService {
    var client = client
    client.renewsCredentials = true
    return AWSKeyManagementService(key: key, client: client)
  }

  private func describe(context: KeyContext?, deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    let call = AWSClient.Call(
      target: "TrentService.DescribeKey", operation: .describe, keyID: key.description, context: context)
    let answer = try await client.perform(call, body: AWSRequestBody.plain([keyMember]), deadline: deadline)
    let bytes = answer.body.readableBytesUInt8Span
    guard let metadata = (try? JSONReader.read(bytes))?.member("KeyMetadata") else {
      throw Self.malformed(call, answer)
    }
    return try AWSKeyMetadata.description(metadata, in: bytes, call: call, isExpected: { key.isSameKey(as: $0) })
  }

  /// The error with the state of the key in it, if the service only said "a state that forbids this".
  private func resolved(_ error: KMSError, context: KeyContext, deadline: Duration) async -> KMSError {
    guard error.kind == .keyStateUnknown else { return error }
    var resolved = error
    do {
      let description = try await describe(context: context, deadline: deadline)
      resolved.kind = RefusalRules.kind(of: description.state)
      resolved.detail = "the key's state is \(description.providerState)"
    } catch {
      resolved.detail += "; asking for the state failed too: \(error.detail)"
    }
    return resolved
  }

  private func wrapped(_ answer: HTTPAnswer, _ call: AWSClient.Call) throws(KMSError) -> WrappedMasterKey {
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), let keyID = item.member("KeyId")?.text(in: bytes),
      let blob = item.member("CiphertextBlob")?.text(in: bytes).flatMap({ Base64.bytes($0) }),
      (1...Self.maximumBlobBytes).contains(blob.count)
    else { throw Self.malformed(call, answer) }
    try check(keyID, call, answer)
    return WrappedMasterKey(
      provider: .aws, keyID: keyID, keyVersion: "", region: key.region,
      createdAtMilliseconds: client.transport.clock.nowMilliseconds(), blob: blob)
  }

  private func plaintext(_ answer: HTTPAnswer, _ call: AWSClient.Call) throws(KMSError) -> SecretBytes {
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), let keyID = item.member("KeyId")?.text(in: bytes),
      case .string(let range, escaped: false)? = item.member("Plaintext"),
      range.count <= (Self.maximumPlaintextBytes + 2) / 3 * 4
    else { throw Self.malformed(call, answer) }
    try check(keyID, call, answer)
    let decoded: SecretBytes?
    do { decoded = try Base64.secret(in: bytes, range) } catch { throw call.error(.localFailure, error.description) }
    guard let decoded, decoded.count > 0 else { throw Self.malformed(call, answer) }
    return decoded
  }

  /// A 200 that names another key than was asked for proves nothing.
  private func check(_ keyID: String, _ call: AWSClient.Call, _ answer: HTTPAnswer) throws(KMSError) {
    guard let answered = try? KeyARN(keyID), key.isSameKey(as: answered) else { throw Self.malformed(call, answer) }
  }

  private var keyMember: JSONValue.Member { .init("KeyId", .string(key.description)) }

  private static func member(of context: KeyContext) -> JSONValue.Member {
    .init("EncryptionContext", .texts(context.pairs))
  }

  private static func malformed(_ call: AWSClient.Call, _ answer: HTTPAnswer) -> KMSError {
    call.error(.malformedAnswer, "HTTP status 200 with a body that is no answer to \(call.target) for this key")
  }
}
