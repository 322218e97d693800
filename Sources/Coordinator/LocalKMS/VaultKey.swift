// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement

/// One key of Azure's dialect with its versions; a value, with Key Vault's rules as methods.
struct VaultKey: Sendable, Codable, Equatable {
  /// The most keys, and versions of one.
  static let maximumKeys = 1000
  static let maximumVersions = 100
  /// The days between deletion and purge (Key Vault's default).
  static let retentionDays = 90
  /// What an RSA key may be used for.
  static let allOperations = ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]

  /// One version.
  struct Version: Sendable, Codable, Equatable {
    /// 32 hexadecimal digits.
    let id: String
    let createdSeconds: Int64
    var updatedSeconds: Int64
    /// The private key, sealed under the root key, base64.
    let sealedKey: String
    /// Modulus and exponent, base64 for URLs.
    let modulus: String
    let exponent: String
    var operations: [String]
    var isEnabled = true
    var notBeforeSeconds: Int64?
    var expiresSeconds: Int64?
    var tags: [String: String] = [:]
  }

  let name: String
  /// Oldest first; the last is the current one.
  var versions: [Version]
  var deletedSeconds: Int64?
  var purgeSeconds: Int64?
  var deniedIdentities: Set<String> = []

  /// The place of a version, of the current one if none is named.
  func index(_ version: String?) -> Int? {
    guard let version else { return versions.indices.last }
    return versions.firstIndex { $0.id == version.lowercased() }
  }

  /// Whether a text can be a key's name (Key Vault, "Objects, identifiers, and versioning").
  static func isName(_ text: String) -> Bool {
    (1...127).contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || $0 == 0x2D }
  }
}

extension VaultKey.Version {
  /// Refuses an operation that the version's state, times or settings forbid.
  ///
  /// A disabled version still wraps and encrypts, as observed of the real service; an expired one still unwraps and
  /// decrypts (Key Vault, "About keys", date-time controlled operations).
  func permit(_ operation: String, nowSeconds: Int64) throws(KMSFault) {
    let makesPlain = operation == "unwrapKey" || operation == "decrypt"
    if makesPlain, !isEnabled {
      throw .forbidden("Operation \(operation) is not allowed on a disabled key.", "KeyDisabled")
    }
    guard operations.contains(operation) else {
      throw .forbidden("Operation \(operation) is not permitted on this key.", "KeyOperationForbidden")
    }
    if !makesPlain, let expiresSeconds, expiresSeconds <= nowSeconds {
      throw .forbidden("Operation \(operation) is not allowed on an expired key.", "KeyExpired")
    }
    if !makesPlain, let notBeforeSeconds, notBeforeSeconds > nowSeconds {
      throw .forbidden("Operation \(operation) is not allowed on a key that is not yet valid.", "KeyNotYetValid")
    }
  }
}

/// Key Vault's refusals.
extension KMSFault {
  static func forbidden(_ message: String, _ inner: String) -> KMSFault {
    KMSFault("Forbidden", message, status: 403, detail: .object([.init("code", .string(inner))]))
  }

  static func keyNotFound(_ name: String) -> KMSFault {
    KMSFault(
      "KeyNotFound",
      "A key with (name/id) \(name) was not found in this key vault. If you recently deleted this key you may be able "
        + "to recover it using the correct recovery command.", status: 404)
  }

  static func deletedButRecoverable(_ name: String) -> KMSFault {
    KMSFault(
      "Conflict",
      "Key \(name) is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the "
        + "key can only be recovered or purged.", status: 409,
      detail: .object([.init("code", .string("ObjectIsDeletedButRecoverable"))]))
  }

  /// No token, or one that is none of ours: Key Vault says where to get one (the challenge).
  static func vaultUnauthorized(_ message: String, authorization: String, reason: String? = nil) -> KMSFault {
    var fault = KMSFault("Unauthorized", message, status: 401)
    let start = reason.map { "Bearer error=\"\($0)\", " } ?? "Bearer "
    fault.headers["WWW-Authenticate"] =
      "\(start)authorization=\"\(authorization)\", resource=\"https://vault.azure.net\""
    return fault
  }
}
