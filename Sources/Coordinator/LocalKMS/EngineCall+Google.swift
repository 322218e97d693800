// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore

/// What a request of Google's dialect asks for.
enum GoogleOperation: String, CaseIterable {
  case createKeyRing = "CreateKeyRing"
  case getKeyRing = "GetKeyRing"
  case listKeyRings = "ListKeyRings"
  case createCryptoKey = "CreateCryptoKey"
  case getCryptoKey = "GetCryptoKey"
  case listCryptoKeys = "ListCryptoKeys"
  case updatePrimary = "UpdateCryptoKeyPrimaryVersion"
  case encrypt = "Encrypt"
  case decrypt = "Decrypt"
  case createVersion = "CreateCryptoKeyVersion"
  case getVersion = "GetCryptoKeyVersion"
  case listVersions = "ListCryptoKeyVersions"
  case updateVersion = "UpdateCryptoKeyVersion"
  case destroyVersion = "DestroyCryptoKeyVersion"
  case restoreVersion = "RestoreCryptoKeyVersion"

  /// Google's name of the right.
  var permission: String {
    switch self {
    case .createKeyRing: "cloudkms.keyRings.create"
    case .getKeyRing: "cloudkms.keyRings.get"
    case .listKeyRings: "cloudkms.keyRings.list"
    case .createCryptoKey: "cloudkms.cryptoKeys.create"
    case .getCryptoKey: "cloudkms.cryptoKeys.get"
    case .listCryptoKeys: "cloudkms.cryptoKeys.list"
    case .updatePrimary: "cloudkms.cryptoKeys.update"
    case .encrypt: "cloudkms.cryptoKeyVersions.useToEncrypt"
    case .decrypt: "cloudkms.cryptoKeyVersions.useToDecrypt"
    case .createVersion: "cloudkms.cryptoKeyVersions.create"
    case .getVersion: "cloudkms.cryptoKeyVersions.get"
    case .listVersions: "cloudkms.cryptoKeyVersions.list"
    case .updateVersion: "cloudkms.cryptoKeyVersions.update"
    case .destroyVersion: "cloudkms.cryptoKeyVersions.destroy"
    case .restoreVersion: "cloudkms.cryptoKeyVersions.restore"
    }
  }

  /// Whether it works with the key's material.
  var isCryptography: Bool { self == .encrypt || self == .decrypt }

  /// Whether everybody with a token may, unless denied.
  var isUse: Bool { isCryptography || [.getCryptoKey, .getVersion].contains(self) }
}

/// A request's operation with the resources it names.
struct GoogleRoute {
  let operation: GoogleOperation
  /// The resource named, or the parent of what is listed or made.
  let resource: String
  /// The name of the key, nil if the resource is above keys.
  let key: String?
  let version: Int?

  /// Reads method and path; throws Google's answer to what is no operation.
  init(_ request: KMSRequest) throws(KMSFault) {
    var parts: [String] = []
    for segment in request.segments.dropFirst() {
      guard
        let plain = FormText.plain(
          segment.split(separator: "+", omittingEmptySubsequences: false).joined(separator: "%2B")),
        !plain.contains("/")
      else { throw Self.unknown(request) }
      parts.append(plain)
    }
    var verb = ""
    if let last = parts.last, let colon = last.lastIndex(of: ":") {
      verb = String(last[last.index(after: colon)...])
      parts[parts.count - 1] = String(last[..<colon])
    }
    let shape = ["projects", "locations", "keyRings", "cryptoKeys", "cryptoKeyVersions"]
    for (offset, part) in parts.enumerated() {
      guard offset / 2 < shape.count, offset.isMultiple(of: 2) ? part == shape[offset / 2] : Self.isID(part) else {
        throw Self.unknown(request)
      }
    }
    guard let operation = Self.operation(request.method, parts.count, verb) else { throw Self.unknown(request) }
    self.operation = operation
    let isCollection = !parts.count.isMultiple(of: 2)
    resource = parts.dropLast(isCollection ? 1 : 0).joined(separator: "/")
    key = parts.count >= 8 ? parts.prefix(8).joined(separator: "/") : nil
    version = parts.count == 10 ? Int(parts[9]) : nil
    guard parts.count < 10 || version != nil else { throw .resourceNotFound(resource) }
  }

  /// The operation by the number of parts: 5 and 6 key rings, 7 and 8 keys, 9 and 10 versions.
  private static func operation(_ method: String, _ count: Int, _ verb: String) -> GoogleOperation? {
    switch (method, count, verb) {
    case ("POST", 5, ""): .createKeyRing
    case ("GET", 5, ""): .listKeyRings
    case ("GET", 6, ""): .getKeyRing
    case ("POST", 7, ""): .createCryptoKey
    case ("GET", 7, ""): .listCryptoKeys
    case ("GET", 8, ""): .getCryptoKey
    case ("POST", 8, "encrypt"), ("POST", 10, "encrypt"): .encrypt
    case ("POST", 8, "decrypt"): .decrypt
    case ("POST", 8, "updatePrimaryVersion"): .updatePrimary
    case ("POST", 9, ""): .createVersion
    case ("GET", 9, ""): .listVersions
    case ("GET", 10, ""): .getVersion
    case ("PATCH", 10, ""): .updateVersion
    case ("POST", 10, "destroy"): .destroyVersion
    case ("POST", 10, "restore"): .restoreVersion
    default: nil
    }
  }

  /// Whether a text can be a part of a name: `[a-zA-Z0-9_-]{1,63}`, and what stands in projects and locations.
  static func isID(_ text: String) -> Bool {
    (1...63).contains(text.utf8.count)
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || [0x2D, 0x5F, 0x2E, 0x3A].contains($0)
      }
  }

  private static func unknown(_ request: KMSRequest) -> KMSFault {
    KMSFault("NOT_FOUND", "The local KMS knows no method \(request.method) on this path.", status: 404)
  }
}

/// Google Cloud KMS's keys.
extension EngineCall {
  /// Answers a request of a client.
  mutating func performGoogle(_ request: KMSRequest, _ vault: inout LocalKMSVault) throws(KMSFault) -> KMSAnswer {
    entry.action = AuditEntry.cleaned("\(request.method) \(request.path)")
    let identity = try googleIdentity(request, vault)
    return try performGoogle(request, .identity(identity), &vault)
  }

  /// Answers a request of a caller who is known.
  mutating func performGoogle(_ request: KMSRequest, _ caller: VaultCaller, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    let route = try GoogleRoute(request)
    entry.action = route.operation.rawValue
    entry.keyID = route.resource
    try authorize(route, caller, vault)
    switch route.operation {
    case .createKeyRing: return try createKeyRing(request, route, &vault)
    case .getKeyRing:
      guard let created = vault.state.keyRings[route.resource] else { throw .resourceNotFound(route.resource) }
      return KMSAnswer(Self.ring(route.resource, created))
    case .listKeyRings:
      let prefix = route.resource + "/keyRings/"
      return try list("keyRings", vault.state.keyRings.keys.filter { $0.hasPrefix(prefix) }, request) { name in
        .object(Self.ring(name, vault.state.keyRings[name] ?? 0))
      }
    case .createCryptoKey: return try createCryptoKey(request, route, &vault)
    case .getCryptoKey: return KMSAnswer(Self.members(try cryptoKey(route, vault)))
    case .listCryptoKeys:
      let prefix = route.resource + "/cryptoKeys/"
      return try list("cryptoKeys", vault.state.cryptoKeys.keys.filter { $0.hasPrefix(prefix) }, request) { name in
        .object(vault.state.cryptoKeys[name].map { Self.members($0) } ?? [])
      }
    case .updatePrimary: return try updatePrimary(request, route, &vault)
    case .encrypt: return try googleEncrypt(request, route, vault)
    case .decrypt: return try googleDecrypt(request, route, vault)
    case .createVersion: return try createCryptoKeyVersion(request, route, &vault)
    case .getVersion:
      let key = try cryptoKey(route, vault)
      guard let index = route.version.flatMap({ key.index($0) }) else { throw .resourceNotFound(route.resource) }
      return KMSAnswer(Self.members(key.versions[index], of: key))
    case .listVersions:
      let key = try cryptoKey(route, vault)
      let numbers = key.versions.map { Self.padded($0.number) }
      return try list("cryptoKeyVersions", numbers, request) { number in
        guard let index = Int(number).flatMap({ key.index($0) }) else { return .null }
        return .object(Self.members(key.versions[index], of: key))
      }
    case .updateVersion, .destroyVersion, .restoreVersion: return try changeVersion(request, route, &vault)
    }
  }

  /// The key a route names.
  func cryptoKey(_ route: GoogleRoute, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> CryptoKey {
    guard let name = route.key, let key = vault.state.cryptoKeys[name] else {
      throw .resourceNotFound(route.key ?? route.resource)
    }
    return key
  }

  private func authorize(_ route: GoogleRoute, _ caller: VaultCaller, _ vault: borrowing LocalKMSVault)
    throws(KMSFault)
  {
    guard case .identity(let identity) = caller else { return }
    let key = route.key.flatMap { vault.state.cryptoKeys[$0] }
    let isDenied = key?.deniedIdentities.contains(identity.id) ?? false
    let isHidden = !caller.isAdministrator && route.key != nil && key == nil
    guard caller.isAdministrator || route.operation.isUse, !(isDenied && route.operation.isUse), !isHidden else {
      throw .permissionDenied(route.operation.permission, route.resource)
    }
  }

  /// A number with leading zeros, so that texts sort like numbers.
  private static func padded(_ number: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, 10 - text.count)) + text
  }

  /// One page of a list.
  private func list(_ name: String, _ all: [String], _ request: KMSRequest, _ value: (String) -> JSONValue)
    throws(KMSFault) -> KMSAnswer
  {
    let query = request.query
    let limit = query["pageSize"].map { Int($0) ?? -1 } ?? 0
    guard limit >= 0, limit <= 1000 else { throw .invalidArgument("pageSize must be between 0 and 1000.") }
    guard query["filter"] == nil, query["orderBy"] == nil else {
      throw KMSFault("UNIMPLEMENTED", "The local KMS supports neither filter nor orderBy.", status: 501)
    }
    let rest = all.sorted().filter { item in query["pageToken"].map { item > $0 } ?? true }
    let page = rest.prefix(limit == 0 ? 100 : limit)
    var members: [JSONValue.Member] = [
      .init(name, .array(page.map(value))), .init("totalSize", .integer(Int64(all.count))),
    ]
    if rest.count > page.count, let last = page.last { members.append(.init("nextPageToken", .string(last))) }
    return KMSAnswer(members)
  }
}
