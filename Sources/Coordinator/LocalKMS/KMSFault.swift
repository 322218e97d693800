// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement

/// A refusal: error type, message and HTTP status as the cloud sends them; the dialect gives it its shape.
struct KMSFault: Error, Sendable, Equatable {
  let type: String
  let message: String
  let status: Int
  /// What the dialect adds: Azure's inner error, Google's details.
  var detail: JSONValue?
  /// Headers beside the usual ones.
  var headers: [String: String] = [:]

  init(_ type: String, _ message: String, status: Int = 400, detail: JSONValue? = nil) {
    self.type = type
    self.message = message
    self.status = status
    self.detail = detail
  }

  static func validation(_ message: String) -> KMSFault { KMSFault("ValidationException", message) }

  static func notFound(_ arn: String) -> KMSFault { KMSFault("NotFoundException", "Key '\(arn)' does not exist") }

  /// Something other than a key that is not there.
  static func missing(_ sentence: String) -> KMSFault { KMSFault("NotFoundException", sentence) }

  static func disabled(_ arn: String) -> KMSFault { KMSFault("DisabledException", "\(arn) is disabled.") }

  static func pendingDeletion(_ arn: String) -> KMSFault {
    KMSFault("KMSInvalidStateException", "\(arn) is pending deletion.")
  }

  static func unsupported(_ what: String) -> KMSFault {
    KMSFault("UnsupportedOperationException", "The local KMS does not support \(what).")
  }

  /// Failures of this server, whose cause is in its log; each dialect has its own word for it.
  static let `internal` = KMSFault("KMSInternalException", "The local KMS has a failure of its own.", status: 500)

  static let invalidCiphertext = KMSFault("InvalidCiphertextException", "")

  static let incorrectKey = KMSFault(
    "IncorrectKeyException",
    "The key ID in the request does not identify a CMK that can perform this operation.")

  /// A blob of a key that is not here, without a KeyId in the request: AWS does not tell which of the three it is.
  static let foreignCiphertext = KMSFault(
    "AccessDeniedException",
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not "
      + "allowed to access.")
}
