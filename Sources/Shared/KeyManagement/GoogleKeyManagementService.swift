// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel
internal import NIOCore
public import Secrets

/// A version of a key in Google Cloud KMS, or in a server that speaks its protocol (REST, v1).
///
/// Encrypting is asked of the version, decrypting of its key: that is how the API is made (`cryptoKeys.encrypt`,
/// `cryptoKeys.decrypt`). The ciphertext itself names the version, so the pinned one is what is needed to open it.
public struct GoogleKeyManagementService: KeyManagementService {
  /// The largest plaintext, in bytes (software keys: 64 KiB with the context; HSM keys: 8 KiB).
  public static let maximumPlaintextBytes = 4096
  /// The largest blob taken, in bytes.
  public static let maximumBlobBytes = 16 << 10

  /// The version of the key.
  public let key: GoogleKeyVersion

  let client: BearerClient

  /// The same key, asked with tokens that are fetched for each call.
  public func renewing() -> any KeyManagementService {
    GoogleKeyManagementService(key: key, client: client.renewing())
  }

  /// Encrypts `key`'s bytes with `context` as additional authenticated data, every part with its CRC32C.
  public func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey
  {
    let call = KMSCall(.gcp, .wrap, keyID: self.key.description, context: context)
    guard (1...Self.maximumPlaintextBytes).contains(key.count) else {
      throw call.error(.localFailure, "a key of \(key.count) bytes cannot be wrapped")
    }
    var body = key.withBytes { bytes in
      AWSRequestBody.secret(
        "plaintext", bytes, [Self.checksum("plaintextCrc32c", CRC32C.of(bytes))] + Self.members(of: context))
    }
    defer { SecretWiping.wipe(&body) }
    let answer = try await client.perform(
      call, .post, "v1/\(self.key.description):encrypt", body: body, deadline: deadline)
    return try wrapped(answer, call)
  }

  /// Decrypts a blob under `context` and checks what came back against its CRC32C.
  public func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes
  {
    let call = KMSCall(.gcp, .unwrap, keyID: key.description, context: context)
    guard wrapped.provider == .gcp, let named = try? GoogleKeyVersion(wrapped.keyID), named == key else {
      throw call.error(.otherKey, "the stored key was wrapped by another key, \(wrapped.keyID)")
    }
    guard (1...Self.maximumBlobBytes).contains(wrapped.blob.count) else {
      throw call.error(.corruptBlob, "the wrapped key has \(wrapped.blob.count) bytes")
    }
    let body = AWSRequestBody.plain(
      [
        .init("ciphertext", .string(Base64.text(wrapped.blob))),
        Self.checksum("ciphertextCrc32c", CRC32C.of(wrapped.blob)),
      ] + Self.members(of: context))
    let started = ContinuousClock.now
    do {
      var answer = try await client.perform(call, .post, "v1/\(key.cryptoKey):decrypt", body: body, deadline: deadline)
      defer { SecretWiping.wipe(&answer.body) }
      return try plaintext(answer, call)
    } catch {
      throw await resolved(error, deadline: deadline - started.duration(to: .now))
    }
  }

  /// Asks for the state of the version (`cryptoKeyVersions.get`).
  public func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    let call = KMSCall(.gcp, .describe, keyID: key.description)
    let answer = try await client.perform(call, .get, "v1/\(key.description)", body: nil, deadline: deadline)
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), item.member("name")?.text(in: bytes) == key.description,
      let state = item.member("state")?.text(in: bytes), state.utf8.count <= 64
    else { throw malformed(call, "it does not describe this key") }
    let destroyed = (item.member("destroyTime")?.text(in: bytes)).flatMap { CivilTime(extended: $0) }
    return KMSKeyDescription(
      keyID: key.description, state: GoogleErrorTable.state(state), providerState: state,
      deletionSeconds: destroyed.map { Double($0.seconds) })
  }

  /// The error with the state of the version in it, if the service only said that a precondition fails.
  private func resolved(_ error: KMSError, deadline: Duration) async -> KMSError {
    guard error.kind == .keyStateUnknown else { return error }
    var resolved = error
    do {
      let description = try await describe(deadline: deadline)
      resolved.kind = RefusalRules.kind(of: description.state)
      resolved.detail = "the key version's state is \(description.providerState)"
    } catch {
      resolved.detail += "; asking for the state failed too: \(error.detail)"
    }
    return resolved
  }

  private func wrapped(_ answer: HTTPAnswer, _ call: KMSCall) throws(KMSError) -> WrappedMasterKey {
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), item.member("name")?.text(in: bytes) == key.description,
      let blob = item.member("ciphertext")?.text(in: bytes).flatMap({ Base64.bytes($0) }),
      (1...Self.maximumBlobBytes).contains(blob.count)
    else { throw malformed(call, "it holds no ciphertext of this key version") }
    guard Self.checksum(item.member("ciphertextCrc32c"), bytes) == CRC32C.of(blob) else {
      throw malformed(call, "the ciphertext was damaged on its way (CRC32C)")
    }
    guard case .bool(true)? = item.member("verifiedPlaintextCrc32c"),
      case .bool(true)? = item.member("verifiedAdditionalAuthenticatedDataCrc32c")
    else { throw malformed(call, "the service did not check what it got (CRC32C)") }
    return WrappedMasterKey(
      provider: .gcp, keyID: key.description, keyVersion: key.version, region: key.location,
      createdAtMilliseconds: client.transport.clock.nowMilliseconds(), blob: blob)
  }

  private func plaintext(_ answer: HTTPAnswer, _ call: KMSCall) throws(KMSError) -> SecretBytes {
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes),
      case .string(let range, escaped: false)? = item.member("plaintext"),
      range.count <= (Self.maximumPlaintextBytes + 2) / 3 * 4
    else { throw malformed(call, "it holds no plaintext") }
    let decoded: SecretBytes?
    do { decoded = try Base64.secret(in: bytes, range) } catch { throw call.error(.localFailure, error.description) }
    guard let decoded, decoded.count > 0 else { throw malformed(call, "it holds no plaintext") }
    guard Self.checksum(item.member("plaintextCrc32c"), bytes) == decoded.withBytes({ CRC32C.of($0) }) else {
      throw malformed(call, "the plaintext was damaged on its way (CRC32C)")
    }
    return decoded
  }

  /// Google writes 64-bit numbers as texts.
  private static func checksum(_ item: JSONItem?, _ bytes: Span<UInt8>) -> UInt32? {
    if let text = item?.text(in: bytes) { return UInt32(text) }
    return item?.number(in: bytes).flatMap { UInt32(exactly: $0) }
  }

  private static func checksum(_ name: String, _ value: UInt32) -> JSONValue.Member {
    .init(name, .string(String(value)))
  }

  private static func members(of context: KeyContext) -> [JSONValue.Member] {
    let data = JSONValue.texts(context.pairs).encoded()
    return [
      .init("additionalAuthenticatedData", .string(Base64.text(data))),
      checksum("additionalAuthenticatedDataCrc32c", CRC32C.of(data)),
    ]
  }

  private func malformed(_ call: KMSCall, _ why: String) -> KMSError {
    call.error(.malformedAnswer, "HTTP status 200 with a body that is no answer: \(why)")
  }
}
