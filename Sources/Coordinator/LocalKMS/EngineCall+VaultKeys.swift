// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// The life of keys in Azure's dialect.
extension EngineCall {
  mutating func createVaultKey(_ request: KMSRequest, _ route: VaultRoute, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    let body = try JSONBody(
      request.body, .azure, known: ["kty", "key_size", "key_ops", "attributes", "tags", "public_exponent"])
    guard try body.text("kty") == "RSA" else {
      throw KMSFault("BadParameter", "The local KMS makes keys of kty RSA only.")
    }
    let bits = try body.integer("key_size") ?? 2048
    guard RSAKey.sizes.contains(Int(bits)), try body.integer("public_exponent") ?? 65_537 == 65_537 else {
      throw KMSFault("BadParameter", "key_size must be 2048, 3072 or 4096, with the public exponent 65537.")
    }
    if vault.state.vaultKeys[route.name]?.deletedSeconds != nil { throw .deletedButRecoverable(route.name) }
    var version = try newVersion(bits: Int(bits), vault)
    try apply(body, to: &version)
    return try add(version, request, route, &vault)
  }

  mutating func rotateVaultKey(_ request: KMSRequest, _ route: VaultRoute, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    let current = try vaultVersion(route, vault)
    let bits = (Base64URL.bytes(current.modulus)?.count ?? 256) * 8
    var version = try newVersion(bits: bits, vault)
    version.operations = current.operations
    version.tags = current.tags
    return try add(version, request, route, &vault)
  }

  mutating func updateVaultKey(_ request: KMSRequest, _ route: VaultRoute, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    let body = try JSONBody(request.body, .azure, known: ["key_ops", "attributes", "tags"])
    var version = try vaultVersion(route, vault)
    try apply(body, to: &version)
    version.updatedSeconds = nowSeconds
    let changed = version
    try change(&vault) { (state) throws(KMSFault) in
      guard let index = state.vaultKeys[route.name]?.index(changed.id) else { throw .keyNotFound(route.name) }
      state.vaultKeys[route.name]?.versions[index] = changed
    }
    return KMSAnswer(try vaultBundle(changed, route.name, request))
  }

  mutating func changeDeletion(_ request: KMSRequest, _ route: VaultRoute, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    guard var key = vault.state.vaultKeys[route.name], (key.deletedSeconds == nil) == (route.operation == .delete)
    else { throw .keyNotFound(route.name) }
    let isPurge = route.operation == .purge
    let isDelete = route.operation == .delete
    key.deletedSeconds = isDelete ? nowSeconds : nil
    key.purgeSeconds = isDelete ? nowSeconds + Int64(VaultKey.retentionDays) * 86_400 : nil
    let changed = key
    try change(&vault) { (state) throws(KMSFault) in state.vaultKeys[route.name] = isPurge ? nil : changed }
    if isPurge {
      var answer = KMSAnswer(ByteBuffer())
      answer.status = 204
      return answer
    }
    guard let current = key.versions.last else { throw Dialect.azure.failure }
    return KMSAnswer(isDelete ? try deletedBundle(key, request) : try vaultBundle(current, key.name, request))
  }

  func listVaultKeys(_ request: KMSRequest, isDeleted: Bool, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    let names = vault.state.vaultKeys.filter { ($0.value.deletedSeconds != nil) == isDeleted }.keys.sorted()
    let page = try vaultPage(names, request)
    var items: [JSONValue] = []
    for name in page.items {
      guard let key = vault.state.vaultKeys[name], let current = key.versions.last else { continue }
      let deletion = isDeleted ? deletionMembers(key, request) : []
      items.append(
        .object(
          [.init("kid", .string("\(request.base)/keys/\(name)")), .init("attributes", attributes(current))] + deletion))
    }
    return KMSAnswer([.init("value", .array(items)), .init("nextLink", page.next.map { .string($0) } ?? .null)])
  }

  func listVaultVersions(_ request: KMSRequest, _ route: VaultRoute, _ vault: borrowing LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    guard let key = vault.state.vaultKeys[route.name], key.deletedSeconds == nil else {
      throw .keyNotFound(route.name)
    }
    let page = try vaultPage(key.versions.map(\.id).sorted(), request)
    let items = key.versions.filter { page.items.contains($0.id) }.map { version in
      JSONValue.object([
        .init("kid", .string("\(request.base)/keys/\(key.name)/\(version.id)")),
        .init("attributes", attributes(version)),
      ])
    }
    return KMSAnswer([.init("value", .array(items)), .init("nextLink", page.next.map { .string($0) } ?? .null)])
  }

  private mutating func newVersion(bits: Int, _ vault: borrowing LocalKMSVault) throws(KMSFault) -> VaultKey.Version {
    let id = KeyIdentifier.random().filter { $0 != "-" }
    do {
      let key = try RSAKey.make(bits: bits)
      guard let numbers = RSAKey.numbers(key) else { throw Dialect.azure.failure }
      return VaultKey.Version(
        id: id, createdSeconds: nowSeconds, updatedSeconds: nowSeconds, sealedKey: try vault.seal(key, for: id),
        modulus: Base64URL.text(numbers.modulus), exponent: Base64URL.text(numbers.exponent),
        operations: VaultKey.allOperations)
    } catch {
      throw failed(error, .azure)
    }
  }

  private mutating func add(
    _ version: VaultKey.Version, _ request: KMSRequest, _ route: VaultRoute, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> KMSAnswer {
    var key = vault.state.vaultKeys[route.name] ?? VaultKey(name: route.name, versions: [])
    guard key.versions.count < VaultKey.maximumVersions, vault.state.vaultKeys.count < VaultKey.maximumKeys else {
      throw KMSFault("BadParameter", "There are too many keys, or versions of this key, already.")
    }
    key.versions.append(version)
    let changed = key
    try change(&vault) { (state) throws(KMSFault) in state.vaultKeys[route.name] = changed }
    return KMSAnswer(try vaultBundle(version, route.name, request))
  }

  private func apply(_ body: JSONBody, to version: inout VaultKey.Version) throws(KMSFault) {
    if let operations = try body.texts("key_ops") {
      guard operations.allSatisfy({ VaultKey.allOperations.contains($0) }) else {
        throw KMSFault("BadParameter", "key_ops has an operation that an RSA key does not have.")
      }
      version.operations = operations
    }
    if let isEnabled = try body.bool("attributes", "enabled") { version.isEnabled = isEnabled }
    if let seconds = try body.integer("attributes", "nbf") { version.notBeforeSeconds = seconds }
    if let seconds = try body.integer("attributes", "exp") { version.expiresSeconds = seconds }
    if let tags = try body.pairs("tags") { version.tags = tags }
  }

  private func vaultPage(_ all: [String], _ request: KMSRequest) throws(KMSFault) -> (items: [String], next: String?) {
    let query = request.query
    let limit = query["maxresults"].map { Int($0) ?? 0 } ?? 25
    guard (1...25).contains(limit) else { throw KMSFault("BadParameter", "maxresults must be between 1 and 25.") }
    let rest = all.filter { item in query["$skiptoken"].map { item > $0 } ?? true }
    let page = Array(rest.prefix(limit))
    guard rest.count > limit, let last = page.last else { return (page, nil) }
    let version = AuditEntry.cleaned(query["api-version"] ?? "").filter { $0 != "&" && $0 != "\"" }
    return (
      page, "\(request.base)\(request.path)?api-version=\(version)&$skiptoken=\(last)&maxresults=\(limit)"
    )
  }
}

/// Key Vault's key bundles.
extension EngineCall {
  func vaultBundle(_ version: VaultKey.Version, _ name: String, _ request: KMSRequest) throws(KMSFault)
    -> [JSONValue.Member]
  {
    [
      .init(
        "key",
        .object([
          .init("kid", .string("\(request.base)/keys/\(name)/\(version.id)")), .init("kty", .string("RSA")),
          .init("key_ops", .array(version.operations.map { .string($0) })), .init("n", .string(version.modulus)),
          .init("e", .string(version.exponent)),
        ])),
      .init("attributes", attributes(version)), .init("tags", .texts(version.tags)),
    ]
  }

  func deletedBundle(_ key: VaultKey, _ request: KMSRequest) throws(KMSFault) -> [JSONValue.Member] {
    guard let current = key.versions.last else { throw Dialect.azure.failure }
    return deletionMembers(key, request) + (try vaultBundle(current, key.name, request))
  }

  fileprivate func deletionMembers(_ key: VaultKey, _ request: KMSRequest) -> [JSONValue.Member] {
    [
      .init("recoveryId", .string("\(request.base)/deletedkeys/\(key.name)")),
      .init("deletedDate", .integer(key.deletedSeconds ?? 0)),
      .init("scheduledPurgeDate", .integer(key.purgeSeconds ?? 0)),
    ]
  }

  fileprivate func attributes(_ version: VaultKey.Version) -> JSONValue {
    var members: [JSONValue.Member] = [
      .init("enabled", .bool(version.isEnabled)), .init("created", .integer(version.createdSeconds)),
      .init("updated", .integer(version.updatedSeconds)), .init("recoveryLevel", .string("Recoverable+Purgeable")),
      .init("recoverableDays", .integer(Int64(VaultKey.retentionDays))), .init("exportable", .bool(false)),
    ]
    if let seconds = version.notBeforeSeconds { members.append(.init("nbf", .integer(seconds))) }
    if let seconds = version.expiresSeconds { members.append(.init("exp", .integer(seconds))) }
    return .object(members)
  }
}

/// Wrapping and unwrapping in Azure's dialect.
extension EngineCall {
  mutating func wrap(_ request: KMSRequest, _ route: VaultRoute, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    let (body, padding) = try wrapBody(request)
    let version = try permitted(route, vault)
    guard let plaintext = try body.secret("value", limit: 512) else {
      throw KMSFault("BadParameter", "Property value is missing.")
    }
    do {
      let key = try vault.open(version.sealedKey, for: version.id)
      guard let wrapped = RSAKey.encrypt(plaintext, padding, with: key) else {
        throw KMSFault("BadParameter", "The value is too long for the key.")
      }
      return KMSAnswer([
        .init("kid", .string("\(request.base)/keys/\(route.name)/\(version.id)")),
        .init("value", .string(Base64URL.text(wrapped))),
      ])
    } catch {
      throw failed(error, .azure)
    }
  }

  mutating func unwrap(_ request: KMSRequest, _ route: VaultRoute, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    let (body, padding) = try wrapBody(request)
    let version = try permitted(route, vault)
    guard let wrapped = try body.bytes("value", limit: 512) else {
      throw KMSFault("BadParameter", "Property value is missing.")
    }
    let key: SecretBytes
    do { key = try vault.open(version.sealedKey, for: version.id) } catch { throw failed(error, .azure) }
    let plaintext: SecretBytes
    do { plaintext = try RSAKey.decrypt(wrapped, padding, with: key) } catch {
      throw KMSFault("BadParameter", "The parameter is incorrect: the value is not one that this key version wrapped.")
    }
    let kid = "\(request.base)/keys/\(route.name)/\(version.id)"
    return plaintext.withBytes { bytes in
      var text = Base64URL.encoded(bytes)
      defer { SecretBytes.wipe(&text) }
      return KMSAnswer(unsafe AWSRequestBody.secretText("value", text.span.bytes, [.init("kid", .string(kid))]))
    }
  }

  private func wrapBody(_ request: KMSRequest) throws(KMSFault) -> (JSONBody, RSAKey.Padding) {
    let body = try JSONBody(request.body, .azure, known: ["alg", "value"])
    guard let padding = try body.text("alg").flatMap({ RSAKey.Padding(rawValue: $0) }) else {
      throw KMSFault("BadParameter", "Property alg must be RSA-OAEP-256 or RSA-OAEP.")
    }
    return (body, padding)
  }

  private mutating func permitted(_ route: VaultRoute, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> VaultKey.Version
  {
    let version = try vaultVersion(route, vault)
    entry.keyID = "\(route.name)/\(version.id)"
    let name =
      switch route.operation {
      case .wrap: "wrapKey"
      case .unwrap: "unwrapKey"
      case .encrypt: "encrypt"
      default: "decrypt"
      }
    try version.permit(name, nowSeconds: nowSeconds)
    return version
  }
}
