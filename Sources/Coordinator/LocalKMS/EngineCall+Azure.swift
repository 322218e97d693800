// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// Who asks in Azure's dialect: an identity with a token, or the operator.
enum VaultCaller: Sendable {
  case identity(Identity)
  case `operator`

  /// Whether it may change keys.
  var isAdministrator: Bool {
    switch self {
    case .identity(let identity): identity.isAdministrator
    case .operator: true
    }
  }
}

/// What a request of Azure's dialect asks for.
enum VaultOperation: String, CaseIterable {
  case list = "KeyList"
  case create = "KeyCreate"
  case rotate = "KeyRotate"
  case get = "KeyGet"
  case versions = "KeyListVersions"
  case update = "KeyUpdate"
  case wrap = "KeyWrap"
  case unwrap = "KeyUnwrap"
  case encrypt = "KeyEncrypt"
  case decrypt = "KeyDecrypt"
  case delete = "KeyDelete"
  case listDeleted = "KeyListDeleted"
  case getDeleted = "KeyGetDeleted"
  case recover = "KeyRecover"
  case purge = "KeyPurge"

  /// Whether everybody with a token may, unless denied.
  var isUse: Bool { isCryptography || self == .get }

  /// Whether it works with the key's material.
  var isCryptography: Bool { [.wrap, .unwrap, .encrypt, .decrypt].contains(self) }
}

/// A request's operation with the key and version it names.
struct VaultRoute {
  let operation: VaultOperation
  var name = ""
  var version: String?

  /// Reads method and path; throws Key Vault's answer to what is no operation.
  init(_ request: KMSRequest) throws(KMSFault) {
    let parts = request.segments
    let last = parts.last?.lowercased() ?? ""
    let isDeleted = parts.first == "deletedkeys"
    let found: VaultOperation?
    switch (isDeleted, request.method, parts.count) {
    case (false, "GET", 1): found = .list
    case (false, "GET", 2): found = .get
    case (false, "GET", 3): found = last == "versions" ? .versions : .get
    case (false, "PATCH", 2), (false, "PATCH", 3): found = .update
    case (false, "DELETE", 2): found = .delete
    case (false, "POST", 3), (false, "POST", 4): found = Self.posts[last]
    case (true, "GET", 1): found = .listDeleted
    case (true, "GET", 2): found = .getDeleted
    case (true, "DELETE", 2): found = .purge
    case (true, "POST", 3): found = last == "recover" ? .recover : nil
    default: found = nil
    }
    guard let found, parts.count < 4 || found.isCryptography else {
      throw KMSFault(
        "MethodNotAllowed", "The local KMS knows no operation \(request.method) on this path.", status: 405)
    }
    operation = found
    guard parts.count > 1 else { return }
    name = parts[1]
    guard VaultKey.isName(name) else { throw KMSFault("BadParameter", "The request URI contains an invalid name.") }
    let isVersioned = parts.count == 4 || (parts.count == 3 && (found == .get || found == .update))
    if isVersioned { version = parts[2] }
  }

  private static let posts: [String: VaultOperation] = [
    "create": .create, "rotate": .rotate, "wrapkey": .wrap, "unwrapkey": .unwrap, "encrypt": .encrypt,
    "decrypt": .decrypt,
  ]
}

/// Azure Key Vault's keys.
extension EngineCall {
  /// Answers a request of a client.
  mutating func performAzure(_ request: KMSRequest, _ vault: inout LocalKMSVault) throws(KMSFault) -> KMSAnswer {
    entry.action = AuditEntry.cleaned("\(request.method) \(request.path)")
    let identity = try vaultIdentity(request, vault)
    return try performAzure(request, .identity(identity), &vault)
  }

  /// Answers a request of a caller who is known.
  mutating func performAzure(_ request: KMSRequest, _ caller: VaultCaller, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    guard !(request.query["api-version"] ?? "").isEmpty else {
      throw KMSFault("BadParameter", "The request parameter api-version is missing.")
    }
    let route = try VaultRoute(request)
    entry.action = route.operation.rawValue
    entry.keyID = route.name + (route.version.map { "/\(AuditEntry.cleaned($0))" } ?? "")
    try authorize(route, caller, vault)
    switch route.operation {
    case .list, .listDeleted: return try listVaultKeys(request, isDeleted: route.operation == .listDeleted, vault)
    case .versions: return try listVaultVersions(request, route, vault)
    case .create: return try createVaultKey(request, route, &vault)
    case .rotate: return try rotateVaultKey(request, route, &vault)
    case .get: return KMSAnswer(try vaultBundle(try vaultVersion(route, vault), route.name, request))
    case .update: return try updateVaultKey(request, route, &vault)
    case .wrap, .encrypt: return try wrap(request, route, vault)
    case .unwrap, .decrypt: return try unwrap(request, route, vault)
    case .delete, .recover, .purge: return try changeDeletion(request, route, &vault)
    case .getDeleted:
      guard let key = vault.state.vaultKeys[route.name], key.deletedSeconds != nil else {
        throw .keyNotFound(route.name)
      }
      return KMSAnswer(try deletedBundle(key, request))
    }
  }

  private func authorize(_ route: VaultRoute, _ caller: VaultCaller, _ vault: borrowing LocalKMSVault)
    throws(KMSFault)
  {
    guard case .identity(let identity) = caller else { return }
    let isDenied = vault.state.vaultKeys[route.name]?.deniedIdentities.contains(identity.id) ?? false
    guard caller.isAdministrator || route.operation.isUse, !(isDenied && route.operation.isUse) else {
      throw .forbidden(
        "Caller is not authorized to perform action on resource.\r\nCaller: appid=\(identity.id)\r\n"
          + "Action: 'Microsoft.KeyVault/vaults/keys/\(route.operation.rawValue)'\r\nResource: '\(route.name)'",
        "ForbiddenByRbac")
    }
  }

  private mutating func vaultIdentity(_ request: KMSRequest, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> Identity
  {
    let authorization = "\(request.base)/\(Identity.tenant(configuration))"
    guard let token = request.bearer else {
      throw .vaultUnauthorized("AKV10000: Request is missing a Bearer or PoP token.", authorization: authorization)
    }
    let found = vault.contents(of: token, purpose: Identity.Kind.azure.rawValue, as: AccessToken.self)
    guard let found, let identity = vault.state.identities[found.identity], identity.kind == .azure else {
      throw .vaultUnauthorized(
        "AKV10001: The token is not one of this vault's authority.", authorization: authorization,
        reason: "invalid_token")
    }
    entry.accessKeyID = identity.id
    guard found.expiresSeconds > clockSeconds else {
      throw .vaultUnauthorized(
        "AKV10012: The token has expired.", authorization: authorization, reason: "invalid_token")
    }
    return identity
  }

  /// The version a route names; throws unless its key is there and not deleted.
  func vaultVersion(_ route: VaultRoute, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> VaultKey.Version {
    guard let key = vault.state.vaultKeys[route.name], key.deletedSeconds == nil, let index = key.index(route.version)
    else { throw .keyNotFound(route.name + (route.version.map { "/\($0)" } ?? "")) }
    return key.versions[index]
  }
}
