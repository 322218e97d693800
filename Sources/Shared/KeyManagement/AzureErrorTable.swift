// SPDX-License-Identifier: GPL-3.0-or-later

/// Azure's error codes as kinds of failure: the inner code where there is one, else the outer; never message texts.
///
/// The codes are those of Key Vault's REST reference ("Azure Key Vault REST API error codes") and of answers that
/// users reported, Entra's those of "Microsoft Entra authentication and authorization error codes". A code without a
/// row is `unlisted`, which never closes a node.
enum AzureErrorTable {
  /// The inner codes (`error.innererror.code`).
  static let inner: [String: KMSError.Kind] = [
    "KeyDisabled": .keyDisabled,
    "KeyNotFound": .keyNotFound,
    "ObjectIsDeletedButRecoverable": .keyPendingDeletion,
    "ObjectIsBeingDeleted": .keyPendingDeletion,

    "AccessDenied": .accessDenied,
    "ForbiddenByPolicy": .accessDenied,
    "ForbiddenByRbac": .accessDenied,
    "KeyOperationForbidden": .accessDenied,  // the key no longer permits unwrapping

    "ForbiddenByFirewall": .perimeter,
    "ForbiddenByConnection": .perimeter,
    "ForbiddenByNsp": .perimeter,
    "ForbiddenByNetworkSecurityPerimeter": .perimeter,

    "Throttled": .throttled,
    "VaultRequestTypeLimitReached": .throttled,
  ]

  /// The outer codes (`error.code`), where there is no inner one.
  static let outer: [String: KMSError.Kind] = [
    "KeyNotFound": .keyNotFound,
    "Forbidden": .accessDenied,  // resolved by describing the key: a disabled one is forbidden as well
    "Unauthorized": .credentialsRefused,

    "BadParameter": .corruptBlob,  // counts for unwrap only

    "Throttled": .throttled,
    "TooManyRequests": .throttled,

    "InternalServerError": .service,
    "InternalError": .service,
    "ServiceUnavailable": .service,
    "ServerBusy": .service,
    "RequestTimeout": .service,
    "GatewayTimeout": .service,
    "BadGateway": .service,
  ]

  /// Entra's numbers (`error_codes`, AADSTS…).
  static let entraNumbers: [Int: KMSError.Kind] = [
    7_000_215: .credentialsRefused,  // invalid client secret
    7_000_222: .credentialsRefused,  // expired client secret
    700_016: .credentialsRefused,  // no such application in the tenant
    7_000_112: .credentialsRefused,  // the application is disabled
    7_000_229: .credentialsRefused,  // no service principal of the application in the tenant
    90_002: .credentialsRefused,  // no such tenant

    53_000: .perimeter,  // conditional access: device
    53_003: .perimeter,  // conditional access: blocked
    530_035: .perimeter,  // blocked by security defaults

    700_024: .clockSkew,  // an assertion outside its time

    50_196: .throttled,
    90_055: .throttled,
    50_000: .service,
    90_006: .service,
    90_024: .service,
    90_033: .service,
  ]

  /// OAuth's words, where no number is known (RFC 6749, section 5.2).
  static let entraWords: [String: KMSError.Kind] = [
    "invalid_client": .credentialsRefused, "unauthorized_client": .credentialsRefused,
    "temporarily_unavailable": .service, "server_error": .service, "too_many_requests": .throttled,
  ]

  /// The kind of an error of the vault.
  static func kind(code: String, inner innerCode: String, operation: KMSError.Operation) -> KMSError.Kind {
    let kind = innerCode.isEmpty ? outer[code] : inner[innerCode]
    return kind == .corruptBlob && operation != .unwrap ? .unlisted : kind ?? .unlisted
  }
}
