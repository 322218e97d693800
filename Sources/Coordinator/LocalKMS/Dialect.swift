// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore

/// The protocols that one server speaks, told apart by the path and, for AWS's two, by the body's type.
enum Dialect: String, Sendable, CaseIterable {
  /// AWS KMS: `POST /` with `X-Amz-Target`.
  case aws
  /// AWS STS: `POST /` with a form.
  case sts
  /// Azure Key Vault: `/keys`, `/deletedkeys`.
  case azure
  /// The token endpoint of Microsoft Entra: `/TENANT/oauth2/v2.0/token`, and what leads there.
  case entra
  /// Google Cloud KMS: `/v1/projects/…`.
  case google
  /// Google's token endpoint: `/token`.
  case googleToken = "google-token"
  /// The metadata services of the three clouds' machines, on a port of their own.
  case metadata

  /// The dialect of a request.
  init(of request: KMSRequest) {
    let path = request.path
    if path == "/keys" || path == "/deletedkeys" || path.hasPrefix("/keys/") || path.hasPrefix("/deletedkeys/") {
      self = .azure
    } else if path.hasPrefix("/v1/") {
      self = .google
    } else if path == "/token" {
      self = .googleToken
    } else if path.hasSuffix("/oauth2/v2.0/token") || path.hasSuffix("/oauth2/token")
      || path.hasSuffix("/.well-known/openid-configuration") || path.hasSuffix("/discovery/instance")
    {
      self = .entra
    } else if request.value("x-amz-target") == nil, request.isForm {
      self = .sts
    } else {
      self = .aws
    }
  }

  /// The type of an answer's body.
  var contentType: String {
    switch self {
    case .aws: "application/x-amz-json-1.1"
    case .sts: "text/xml"
    case .azure, .entra: "application/json; charset=utf-8"
    case .google, .googleToken: "application/json; charset=UTF-8"
    case .metadata: "application/json"
    }
  }

  /// The header that carries the request's id.
  var requestIDHeader: String {
    switch self {
    case .aws, .sts: "x-amzn-RequestId"
    case .azure, .entra: "x-ms-request-id"
    case .google, .googleToken, .metadata: "x-request-id"
    }
  }

  /// A body that is not what the dialect asks for.
  func malformed(_ message: String) -> KMSFault {
    switch self {
    case .aws: KMSFault("SerializationException", message)
    case .sts: KMSFault("ValidationError", message)
    case .azure: KMSFault("BadParameter", message)
    case .entra: EntraFault.invalidRequest(message)
    case .google: .invalidArgument(message)
    case .googleToken, .metadata: KMSFault("invalid_request", message)
    }
  }

  /// A failure of this server in the dialect's words.
  var failure: KMSFault {
    let message = "The local KMS has a failure of its own."
    return switch self {
    case .aws: .internal
    case .sts: KMSFault("InternalFailure", message, status: 500)
    case .azure: KMSFault("InternalServerError", message, status: 500)
    case .entra: KMSFault("server_error", message, status: 500)
    case .google: KMSFault("INTERNAL", message, status: 500)
    case .googleToken, .metadata: KMSFault("internal_failure", message, status: 500)
    }
  }

  /// A refusal's body.
  func body(of fault: KMSFault, requestID: String, seconds: Int64) -> ByteBuffer {
    switch self {
    case .aws:
      let message: [JSONValue.Member] = fault.message.isEmpty ? [] : [.init("message", .string(fault.message))]
      return AWSRequestBody.plain([.init("__type", .string(fault.type))] + message)
    case .sts: return XMLText.refusal(fault, requestID: requestID)
    case .azure:
      let inner: [JSONValue.Member] = fault.detail.map { [.init("innererror", $0)] } ?? []
      return AWSRequestBody.plain([
        .init(
          "error",
          .object([.init("code", .string(fault.type)), .init("message", .string(fault.message))] + inner))
      ])
    case .entra: return EntraFault.body(of: fault, requestID: requestID, seconds: seconds)
    case .google:
      let details: [JSONValue.Member] = fault.detail.map { [.init("details", .array([$0]))] } ?? []
      return AWSRequestBody.plain([
        .init(
          "error",
          .object(
            [
              .init("code", .integer(Int64(fault.status))), .init("message", .string(fault.message)),
              .init("status", .string(fault.type)),
            ] + details))
      ])
    case .googleToken, .metadata:
      return AWSRequestBody.plain([
        .init("error", .string(fault.type)), .init("error_description", .string(fault.message)),
      ])
    }
  }
}
