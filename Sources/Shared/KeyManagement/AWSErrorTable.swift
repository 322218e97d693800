// SPDX-License-Identifier: GPL-3.0-or-later

/// AWS's error types as kinds of failure: one row per type, nothing by HTTP status or message.
///
/// The types are those of the KMS API reference (Decrypt, Encrypt, DescribeKey, "Common Errors"), of STS and IAM, and
/// the spellings other servers of this API use. A type without a row is `unlisted`, which never closes a node.
enum AWSErrorTable {
  /// The rows, for tests as well.
  static let kinds: [String: KMSError.Kind] = [
    // The state of the key.
    "DisabledException": .keyDisabled,
    "NotFoundException": .keyNotFound,
    "KMSInvalidStateException": .keyStateUnknown,  // resolved by describing the key
    "KeyUnavailableException": .service,

    // The blob.
    "InvalidCiphertextException": .corruptBlob,
    "IncorrectKeyException": .corruptBlob,

    // The credentials. The first group also has a clock as its possible cause; see `dependsOnClock`.
    "InvalidSignatureException": .credentialsRefused,
    "SignatureDoesNotMatch": .credentialsRefused,
    "IncompleteSignature": .credentialsRefused,
    "IncompleteSignatureException": .credentialsRefused,
    "UnrecognizedClientException": .credentialsRefused,
    "InvalidClientTokenId": .credentialsRefused,
    "InvalidAccessKeyId": .credentialsRefused,
    "MissingAuthenticationToken": .credentialsRefused,
    "MissingAuthenticationTokenException": .credentialsRefused,
    "ExpiredToken": .credentialsExpired,
    "ExpiredTokenException": .credentialsExpired,

    // What the credentials may do.
    "AccessDenied": .accessDenied,
    "AccessDeniedException": .accessDenied,
    "NotAuthorized": .accessDenied,
    "UnauthorizedOperation": .accessDenied,

    // The clock.
    "RequestExpired": .clockSkew,
    "RequestTimeTooSkewed": .clockSkew,

    // Too many calls.
    "Throttling": .throttled,
    "ThrottlingException": .throttled,
    "ThrottledException": .throttled,
    "RequestThrottled": .throttled,
    "RequestThrottledException": .throttled,
    "RequestLimitExceeded": .throttled,
    "TooManyRequestsException": .throttled,
    "LimitExceededException": .throttled,
    "SlowDown": .throttled,

    // The service's own failures.
    "KMSInternalException": .service,
    "DependencyTimeoutException": .service,
    "InternalFailure": .service,
    "InternalError": .service,
    "InternalServerError": .service,
    "InternalServiceException": .service,
    "ServiceUnavailable": .service,
    "ServiceUnavailableException": .service,
    "RequestTimeout": .service,
    "RequestTimeoutException": .service,
  ]

  /// The types a wrong clock causes as well as a wrong secret: without the server's time they prove nothing.
  static let dependsOnClock: Set<String> = [
    "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature", "IncompleteSignatureException",
  ]

  /// The kind of an error type.
  static func kind(of code: String) -> KMSError.Kind { kinds[code] ?? .unlisted }
}
