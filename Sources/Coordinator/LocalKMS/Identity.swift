// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement

/// Who asks for a token: a client of Azure's dialect or a service account of Google's.
struct Identity: Sendable, Codable, Equatable {
  /// The most of them.
  static let maximumCount = 1000

  enum Kind: String, Sendable, Codable { case azure, google }

  /// The client's UUID, or the service account's mail address.
  let id: String
  let kind: Kind
  let createdSeconds: Int64
  /// Whether it may change keys; others use and read them.
  let isAdministrator: Bool
  /// SHA-256 of a client's secret, hexadecimal.
  var secretHash: String?
  /// The id and the public half (SubjectPublicKeyInfo, base64) of a service account's key.
  var keyID: String?
  var publicKey: String?

  /// Azure's tenant: the account's digits as the end of a UUID.
  static func tenant(_ configuration: LocalKMSConfiguration) -> String {
    "00000000-0000-4000-8000-\(configuration.accountID)"
  }

  /// Google's project: the account's digits behind a word.
  static func project(_ accountID: String) -> String { "local-\(accountID)" }
}

/// What an access token of Azure's or Google's dialect says.
struct AccessToken: Sendable, Codable {
  /// How long one is good, in seconds (Microsoft identity platform: 60 to 90 minutes; Google: one hour).
  static let lifeSeconds: Int64 = 3600

  let identity: String
  let expiresSeconds: Int64
}

/// The two halves of the time of a secret and its check.
enum SecretCheck {
  /// Whether a text has this hash; takes the same time wherever it differs.
  static func isEqual(_ text: String, hash: String?) -> Bool {
    guard let hash else { return false }
    let (left, right) = (Array(Hexadecimal.text(SigningHash.sha256(text)).utf8), Array(hash.utf8))
    guard left.count == right.count else { return false }
    return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

extension LocalKMSState {
  /// The identities that may not use a key of Azure's or Google's dialect.
  func deniedIdentities(ofForeignKey text: String) -> Set<String> {
    if let path = text.firstRange(of: "/keys/") {
      return vaultKeys[String(text[path.upperBound...].prefix { $0 != "/" })]?.deniedIdentities ?? []
    }
    return cryptoKeys[text.split(separator: "/").prefix(8).joined(separator: "/")]?.deniedIdentities ?? []
  }

  /// Lets an identity use a key of Azure's or Google's dialect, or forbids it.
  mutating func setDenied(_ isDenied: Bool, identity: String, foreignKey: String) throws(KMSFault) {
    guard identities[identity] != nil else { throw .missing("there is no identity \(identity)") }
    if let path = foreignKey.firstRange(of: "/keys/") {
      let name = String(foreignKey[path.upperBound...].prefix { $0 != "/" })
      guard var key = vaultKeys[name] else { throw .keyNotFound(name) }
      if isDenied { key.deniedIdentities.insert(identity) } else { key.deniedIdentities.remove(identity) }
      vaultKeys[name] = key
    } else {
      let name = foreignKey.split(separator: "/").prefix(8).joined(separator: "/")
      guard var key = cryptoKeys[name] else { throw .resourceNotFound(name) }
      if isDenied { key.deniedIdentities.insert(identity) } else { key.deniedIdentities.remove(identity) }
      cryptoKeys[name] = key
    }
  }
}
