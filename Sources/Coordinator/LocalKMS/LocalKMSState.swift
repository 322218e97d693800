// SPDX-License-Identifier: GPL-3.0-or-later

/// Everything a local KMS remembers; a value, with the rules of AWS KMS's key states as methods.
struct LocalKMSState: Sendable, Codable, Equatable {
  /// The most keys.
  static let maximumKeys = 10_000
  /// The most access keys.
  static let maximumAccessKeys = 1000
  /// The days between scheduling and deletion (API reference, ScheduleKeyDeletion).
  static let deletionDays = 7...30

  /// One key.
  struct Key: Sendable, Codable, Equatable {
    let id: String
    let summary: String
    let createdSeconds: Int64
    /// The key's 32 bytes, sealed under the root key, base64.
    let sealedMaterial: String
    var isEnabled = true
    /// When the key and its material go, if that is scheduled.
    var deletionSeconds: Int64?
    /// The access keys and roles that may not use it.
    var deniedAccessKeys: Set<String> = []
    /// Whether it is a replica of a multi-Region key.
    var isReplica: Bool?
    /// Its later materials, oldest first.
    var rotations: [Rotation]?

    /// One later material.
    struct Rotation: Sendable, Codable, Equatable {
      let seconds: Int64
      let sealedMaterial: String
    }

    /// AWS's word for the state.
    var keyState: String { deletionSeconds != nil ? "PendingDeletion" : isEnabled ? "Enabled" : "Disabled" }
  }

  /// One access key.
  struct AccessKey: Sendable, Codable, Equatable {
    let id: String
    let createdSeconds: Int64
    let isRoot: Bool
    /// The secret access key, sealed under the root key, base64.
    let sealedSecret: String
    /// SHA-256 of the session token of a temporary one, hexadecimal.
    var sessionTokenHash: String?
    /// When a temporary one expires.
    var expiresSeconds: Int64?
  }

  /// The version of this format: 1 had the first two members only.
  static let currentVersion = 2

  /// The version it was written with.
  var version = Self.currentVersion
  /// The keys by id.
  var keys: [String: Key] = [:]
  /// The access keys by id.
  var accessKeys: [String: AccessKey] = [:]
  /// The clients of Azure's dialect and the service accounts of Google's, by id.
  var identities: [String: Identity] = [:]
  /// The keys of Azure's dialect by name.
  var vaultKeys: [String: VaultKey] = [:]
  /// When each key ring of Google's dialect was made, by name.
  var keyRings: [String: Int64] = [:]
  /// The keys of Google's dialect by name.
  var cryptoKeys: [String: CryptoKey] = [:]
  /// The roles of AWS's dialect by name.
  var roles: [String: Role] = [:]
  /// What the metadata service hands out.
  var machine: MachineIdentity?

  init() {}

  /// Reads this format and the ones before it.
  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    version = try container.decode(Int.self, forKey: .version)
    keys = try container.decode([String: Key].self, forKey: .keys)
    accessKeys = try container.decode([String: AccessKey].self, forKey: .accessKeys)
    identities = try container.decodeIfPresent([String: Identity].self, forKey: .identities) ?? [:]
    vaultKeys = try container.decodeIfPresent([String: VaultKey].self, forKey: .vaultKeys) ?? [:]
    keyRings = try container.decodeIfPresent([String: Int64].self, forKey: .keyRings) ?? [:]
    cryptoKeys = try container.decodeIfPresent([String: CryptoKey].self, forKey: .cryptoKeys) ?? [:]
    roles = try container.decodeIfPresent([String: Role].self, forKey: .roles) ?? [:]
    machine = try container.decodeIfPresent(MachineIdentity.self, forKey: .machine)
    if (1..<Self.currentVersion).contains(version) { version = Self.currentVersion }
  }

  /// Forgets keys whose deletion date has passed and access keys that expired a day ago; answers whether any.
  mutating func purge(nowSeconds: Int64) -> Bool {
    let (keyCount, accessKeyCount, vaultKeyCount) = (keys.count, accessKeys.count, vaultKeys.count)
    keys = keys.filter { ($0.value.deletionSeconds ?? .max) > nowSeconds }
    accessKeys = accessKeys.filter { ($0.value.expiresSeconds ?? .max - 86_400) + 86_400 > nowSeconds }
    vaultKeys = vaultKeys.filter { ($0.value.purgeSeconds ?? .max) > nowSeconds }
    var isDestroyed = false
    for name in cryptoKeys.keys where cryptoKeys[name]?.destroyDue(nowSeconds: nowSeconds) == true {
      isDestroyed = true
    }
    return isDestroyed || keys.count != keyCount || accessKeys.count != accessKeyCount
      || vaultKeys.count != vaultKeyCount
  }

  /// Whether `purge` would change anything.
  func isPurgeDue(nowSeconds: Int64) -> Bool {
    var copy = self
    return copy.purge(nowSeconds: nowSeconds)
  }

  /// Changes a key that is not scheduled for deletion.
  mutating func setEnabled(_ isEnabled: Bool, _ id: String, arn: String) throws(KMSFault) {
    guard var key = keys[id] else { throw .notFound(arn) }
    guard key.deletionSeconds == nil else { throw .pendingDeletion(arn) }
    key.isEnabled = isEnabled
    keys[id] = key
  }

  /// Schedules a deletion; answers its time.
  mutating func scheduleDeletion(_ id: String, days: Int, nowSeconds: Int64, arn: String) throws(KMSFault) -> Int64 {
    guard Self.deletionDays.contains(days) else {
      throw .validation("PendingWindowInDays must be between 7 and 30")
    }
    guard var key = keys[id] else { throw .notFound(arn) }
    guard key.deletionSeconds == nil else { throw .pendingDeletion(arn) }
    let deletion = nowSeconds + Int64(days) * 86_400
    key.deletionSeconds = deletion
    keys[id] = key
    return deletion
  }

  /// Takes a scheduled deletion back; the key is disabled then.
  mutating func cancelDeletion(_ id: String, arn: String) throws(KMSFault) {
    guard var key = keys[id] else { throw .notFound(arn) }
    guard key.deletionSeconds != nil else {
      throw KMSFault("KMSInvalidStateException", "\(arn) is not pending deletion.")
    }
    key.deletionSeconds = nil
    key.isEnabled = false
    keys[id] = key
  }

  /// Lets an access key use a key, or forbids it.
  mutating func setDenied(_ isDenied: Bool, accessKey: String, _ id: String, arn: String) throws(KMSFault) {
    guard var key = keys[id] else { throw .notFound(arn) }
    let isRole = accessKey.hasPrefix("role/") && roles[String(accessKey.dropFirst("role/".count))] != nil
    guard isRole || accessKeys[accessKey] != nil else { throw .missing("there is no access key \(accessKey)") }
    if isDenied { key.deniedAccessKeys.insert(accessKey) } else { key.deniedAccessKeys.remove(accessKey) }
    keys[id] = key
  }

  /// A key that may encrypt and decrypt now.
  func usable(_ id: String, arn: String) throws(KMSFault) -> Key {
    guard let key = keys[id] else { throw .notFound(arn) }
    guard key.deletionSeconds == nil else { throw .pendingDeletion(arn) }
    guard key.isEnabled else { throw .disabled(arn) }
    return key
  }

  /// Whether an access key may do `action`, on a key if one is named: the first one everything, others use keys that
  /// do not deny them. A denied root can still administer, so that it can allow itself again.
  func allows(_ action: KMSAction, accessKey: AccessKey, keyID: String?) -> Bool {
    let isDenied = keyID.flatMap { keys[$0] }?.deniedAccessKeys.contains(accessKey.id) ?? false
    switch action.group {
    case .administer: return accessKey.isRoot
    case .describe: return accessKey.isRoot || !isDenied
    case .use: return !isDenied
    }
  }
}
