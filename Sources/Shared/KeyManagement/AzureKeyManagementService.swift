// SPDX-License-Identifier: GPL-3.0-or-later

public import ClusterModel
internal import NIOCore
public import Secrets

/// A key in Azure Key Vault or a Managed HSM, or in a server that speaks their protocol.
public struct AzureKeyManagementService: KeyManagementService {
  /// The version of the REST API every request names.
  static let apiVersion = "7.4"
  /// The algorithm of every wrap (RFC 8017, RSAES-OAEP with SHA-256).
  static let algorithm = "RSA-OAEP-256"
  /// The largest blob taken, in bytes: RSA with 16384 bits.
  static let maximumBlobBytes = 2048

  /// The key.
  public let key: AzureKeyID

  let client: BearerClient

  /// The same key, asked with tokens that are fetched for each call.
  public func renewing() -> any KeyManagementService {
    AzureKeyManagementService(key: key, client: client.renewing())
  }

  /// Wraps `key` and a fingerprint of `context` with RSA-OAEP-256 (operation wrapKey).
  public func wrap(_ key: borrowing SecretBytes, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> WrappedMasterKey
  {
    let call = KMSCall(.azure, .wrap, keyID: self.key.description, context: context)
    guard (1...AzurePayload.maximumKeyBytes).contains(key.count) else {
      throw call.error(.localFailure, "a key of \(key.count) bytes cannot be wrapped")
    }
    var body: ByteBuffer
    do {
      let payload = try AzurePayload.make(key, context)
      var text = payload.withBytes { Base64URL.encoded($0) }
      defer { SecretBytes.wipe(&text) }
      body = unsafe AWSRequestBody.secretText("value", text.span.bytes, [Self.algorithmMember])
    } catch { throw call.error(.localFailure, error.description) }
    defer { SecretWiping.wipe(&body) }
    let answer = try await client.perform(call, .post, path("/wrapkey"), body: body, deadline: deadline)
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), let keyID = kid(item, bytes),
      let blob = item.member("value")?.text(in: bytes).flatMap({ Base64URL.bytes($0) }),
      (1...Self.maximumBlobBytes).contains(blob.count)
    else { throw malformed(call) }
    return WrappedMasterKey(
      provider: .azure, keyID: keyID, keyVersion: self.key.version, region: "",
      createdAtMilliseconds: client.transport.clock.nowMilliseconds(), blob: blob)
  }

  /// Unwraps a blob and checks that it was wrapped for `context` (operation unwrapKey).
  public func unwrap(_ wrapped: WrappedMasterKey, context: KeyContext, deadline: Duration) async throws(KMSError)
    -> SecretBytes
  {
    let call = KMSCall(.azure, .unwrap, keyID: key.description, context: context)
    guard wrapped.provider == .azure, let named = try? AzureKeyID(wrapped.keyID), key.isSameKey(as: named) else {
      throw call.error(.otherKey, "the stored key was wrapped by another key, \(wrapped.keyID)")
    }
    guard (1...Self.maximumBlobBytes).contains(wrapped.blob.count) else {
      throw call.error(.corruptBlob, "the wrapped key has \(wrapped.blob.count) bytes")
    }
    let body = AWSRequestBody.plain([
      Self.algorithmMember, .init("value", .string(Base64URL.text(wrapped.blob))),
    ])
    let started = ContinuousClock.now
    do {
      var answer = try await client.perform(call, .post, path("/unwrapkey"), body: body, deadline: deadline)
      defer { SecretWiping.wipe(&answer.body) }
      return try plaintext(answer, call, context)
    } catch {
      throw await resolved(error, deadline: deadline - started.duration(to: .now))
    }
  }

  /// Asks for the key's attributes (operation "Get Key").
  public func describe(deadline: Duration) async throws(KMSError) -> KMSKeyDescription {
    let call = KMSCall(.azure, .describe, keyID: key.description)
    let answer = try await client.perform(call, .get, path(""), body: nil, deadline: deadline)
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), let web = item.member("key"), let keyID = kid(web, bytes),
      case .bool(let isEnabled)? = item.member("attributes")?.member("enabled")
    else { throw malformed(call) }
    return KMSKeyDescription(
      keyID: keyID, state: isEnabled ? .enabled : .disabled, providerState: isEnabled ? "enabled" : "disabled")
  }

  /// The error with the state of the key in it, if the vault only said "Forbidden": a disabled key is forbidden too. If
  /// asking for the state ends in an outage, so does the call: which of the two it was is not known.
  private func resolved(_ error: KMSError, deadline: Duration) async -> KMSError {
    guard error.kind == .accessDenied, error.providerCode == "Forbidden" else { return error }
    var resolved = error
    do {
      let description = try await describe(deadline: deadline)
      guard description.state == .disabled else { return error }
      resolved.kind = .keyDisabled
      resolved.detail = "the key's state is \(description.providerState)"
    } catch {
      guard case .unreachable = VerdictTable.verdict(of: error.kind, detail: "") else { return resolved }
      resolved.kind = error.kind
      resolved.detail += "; asking for the state failed too: \(error.detail)"
    }
    return resolved
  }

  private func plaintext(_ answer: HTTPAnswer, _ call: KMSCall, _ context: KeyContext) throws(KMSError) -> SecretBytes {
    let bytes = answer.body.readableBytesUInt8Span
    guard let item = try? JSONReader.read(bytes), kid(item, bytes) != nil,
      case .string(let range, escaped: false)? = item.member("value"), range.count <= Self.maximumBlobBytes * 2
    else { throw malformed(call) }
    let opened: SecretBytes?
    do {
      let payload = try Base64URL.secret(in: bytes, range)
      guard let payload, payload.count > 0 else { throw malformed(call) }
      opened = try AzurePayload.open(payload, context)
    } catch let error as KMSError {
      throw error
    } catch { throw call.error(.localFailure, "\(error)") }
    guard let opened else {
      throw call.error(.corruptBlob, "what the key unwrapped was not wrapped for this node and purpose")
    }
    return opened
  }

  /// The answer's key id if it is this key's; a 200 that names another key proves nothing.
  private func kid(_ item: JSONItem, _ bytes: Span<UInt8>) -> String? {
    guard let text = item.member("kid")?.text(in: bytes), let answered = try? AzureKeyID(text),
      key.isSameKey(as: answered)
    else { return nil }
    return text
  }

  private func path(_ operation: String) -> String { "\(key.path)\(operation)?api-version=\(Self.apiVersion)" }

  private static var algorithmMember: JSONValue.Member { .init("alg", .string(algorithm)) }

  private func malformed(_ call: KMSCall) -> KMSError {
    call.error(
      .malformedAnswer, "HTTP status 200 with a body that is no answer to \(call.operation.rawValue) for this key")
  }
}
