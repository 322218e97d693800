// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement

/// One key of Google's dialect with its versions; a value, with Cloud KMS's rules as methods.
struct CryptoKey: Sendable, Codable, Equatable {
  /// The most key rings, keys, and versions of one key.
  static let maximumRings = 1000
  static let maximumKeys = 1000
  static let maximumVersions = 100
  /// The days between destruction and its end (Cloud KMS's default, `destroyScheduledDuration`).
  static let destroyDays = 30

  /// The states of a version (API reference, CryptoKeyVersionState).
  enum State: String, Sendable, Codable {
    case enabled = "ENABLED"
    case disabled = "DISABLED"
    case destroyScheduled = "DESTROY_SCHEDULED"
    case destroyed = "DESTROYED"
  }

  /// One version.
  struct Version: Sendable, Codable, Equatable {
    let number: Int
    let createdSeconds: Int64
    var state = State.enabled
    /// The version's 32 bytes, sealed under the root key, base64; gone once it is destroyed.
    var sealedMaterial: String?
    /// When it will be, or was, destroyed.
    var destroySeconds: Int64?
  }

  /// `projects/P/locations/L/keyRings/R/cryptoKeys/K`.
  let name: String
  /// A UUID that stands in ciphertexts.
  let id: String
  let createdSeconds: Int64
  var labels: [String: String] = [:]
  var primary: Int?
  var versions: [Version] = []
  var deniedIdentities: Set<String> = []

  /// What a version's material is sealed for.
  func label(_ number: Int) -> String { "\(id)/\(number)" }

  /// The place of a version.
  func index(_ number: Int) -> Int? { versions.firstIndex { $0.number == number } }

  /// The resource name of a version.
  func versionName(_ number: Int) -> String { "\(name)/cryptoKeyVersions/\(number)" }

  /// A version that may encrypt and decrypt now.
  func usable(_ number: Int) throws(KMSFault) -> Version {
    guard let index = index(number) else { throw .resourceNotFound(versionName(number)) }
    let version = versions[index]
    guard version.state == .enabled else { throw .notEnabled(versionName(number), version.state) }
    return version
  }

  /// Destroys versions whose time has come; answers whether any.
  mutating func destroyDue(nowSeconds: Int64) -> Bool {
    var isChanged = false
    for index in versions.indices where versions[index].state == .destroyScheduled {
      guard (versions[index].destroySeconds ?? .max) <= nowSeconds else { continue }
      versions[index].state = .destroyed
      versions[index].sealedMaterial = nil
      isChanged = true
    }
    return isChanged
  }

  /// Enables or disables a version.
  mutating func setState(_ state: State, _ number: Int) throws(KMSFault) {
    guard let index = index(number) else { throw .resourceNotFound(versionName(number)) }
    guard versions[index].state == .enabled || versions[index].state == .disabled else {
      throw .precondition(
        "\(versionName(number)) is not ENABLED or DISABLED, current state is: \(versions[index].state.rawValue).",
        versionName(number))
    }
    versions[index].state = state
  }

  /// Schedules a version's destruction, or takes it back; a restored version is disabled.
  mutating func setDestroyed(_ isDestroyed: Bool, _ number: Int, nowSeconds: Int64) throws(KMSFault) {
    guard let index = index(number) else { throw .resourceNotFound(versionName(number)) }
    let state = versions[index].state
    let isAllowed = isDestroyed ? state == .enabled || state == .disabled : state == .destroyScheduled
    guard isAllowed else {
      throw .precondition(
        "\(versionName(number)) cannot be \(isDestroyed ? "destroyed" : "restored"), current state is: "
          + "\(state.rawValue).", versionName(number))
    }
    versions[index].state = isDestroyed ? .destroyScheduled : .disabled
    versions[index].destroySeconds = isDestroyed ? nowSeconds + Int64(Self.destroyDays) * 86_400 : nil
  }
}

/// A ciphertext of Google's dialect: `KFG1`, the key's UUID in 16 bytes, the version in 4, then what was sealed.
struct VersionedBlob: Equatable {
  private static let magic = Array("KFG1".utf8)
  private static let headerBytes = 24

  let keyID: String
  let version: Int
  let sealed: [UInt8]

  init(keyID: String, version: Int, sealed: [UInt8]) {
    self.keyID = keyID
    self.version = version
    self.sealed = sealed
  }

  /// Takes a blob apart; nil if it is none of ours.
  init?(_ bytes: [UInt8]) {
    guard bytes.count > Self.headerBytes, bytes.starts(with: Self.magic) else { return nil }
    keyID = KeyIdentifier.text(Array(bytes[4..<20]))
    version = bytes[20..<24].reduce(0) { $0 << 8 | Int($1) }
    sealed = Array(bytes[Self.headerBytes...])
  }

  /// The blob; nil if the key id is no UUID.
  var bytes: [UInt8]? {
    KeyIdentifier.bytes(keyID).map { id in
      Self.magic + id + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: version >> $0) } + sealed
    }
  }

  /// What is authenticated with a ciphertext: its header and the caller's own data.
  static func associatedData(keyID: String, version: Int, _ callers: [UInt8]) -> [UInt8] {
    magic + Array("\(keyID)/\(version)/".utf8) + callers
  }
}

/// Google's refusals (google.rpc.Status with the details Cloud KMS gives).
extension KMSFault {
  static func invalidArgument(_ message: String) -> KMSFault { KMSFault("INVALID_ARGUMENT", message) }

  static func resourceNotFound(_ name: String) -> KMSFault {
    KMSFault("NOT_FOUND", "\(name) not found.", status: 404)
  }

  /// A missing permission; a user who may not know is told the same of what does not exist.
  static func permissionDenied(_ permission: String, _ resource: String) -> KMSFault {
    KMSFault(
      "PERMISSION_DENIED", "Permission '\(permission)' denied on resource '\(resource)' (or it may not exist).",
      status: 403,
      detail: errorInfo(
        "IAM_PERMISSION_DENIED", "iam.googleapis.com", ["permission": permission, "resource": resource])
    )
  }

  static func notEnabled(_ version: String, _ state: CryptoKey.State) -> KMSFault {
    precondition(
      "\(version) is not enabled, current state is: \(state.rawValue).", version,
      type: state == .disabled ? "KEY_DISABLED" : state == .destroyScheduled ? "KEY_DESTROY_SCHEDULED" : "KEY_DESTROYED"
    )
  }

  static func precondition(_ message: String, _ subject: String, type: String = "KEY_STATE") -> KMSFault {
    KMSFault(
      "FAILED_PRECONDITION", message,
      detail: .object([
        .init("@type", .string("type.googleapis.com/google.rpc.PreconditionFailure")),
        .init(
          "violations",
          .array([
            .object([
              .init("type", .string(type)), .init("subject", .string(subject)), .init("description", .string(message)),
            ])
          ])),
      ]))
  }

  static func unauthenticated(_ message: String) -> KMSFault {
    var fault = KMSFault(
      "UNAUTHENTICATED", message, status: 401,
      detail: errorInfo("ACCESS_TOKEN_TYPE_UNSUPPORTED", "googleapis.com", ["service": "cloudkms.googleapis.com"]))
    fault.headers["WWW-Authenticate"] = "Bearer realm=\"https://accounts.google.com/\""
    return fault
  }

  static func errorInfo(_ reason: String, _ domain: String, _ metadata: [String: String]) -> JSONValue {
    .object([
      .init("@type", .string("type.googleapis.com/google.rpc.ErrorInfo")), .init("reason", .string(reason)),
      .init("domain", .string(domain)), .init("metadata", .texts(metadata)),
    ])
  }
}
