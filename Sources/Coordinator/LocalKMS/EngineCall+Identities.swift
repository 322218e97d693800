// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// Clients and service accounts, which the clouds keep outside their KMS; these actions are the local KMS's own.
extension EngineCall {
  mutating func createIdentity(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.createIdentity, accessKey, vault)
    guard let kind = Identity.Kind(rawValue: try fields.required("Kind")) else {
      throw .validation("Kind must be azure or google")
    }
    let base = try fields.required("Endpoint")
    let isAdministrator = try fields.text("Administrator") == "true"
    guard vault.state.identities.count < Identity.maximumCount else {
      throw KMSFault("LimitExceededException", "there are \(Identity.maximumCount) identities already")
    }
    do {
      switch kind {
      case .azure: return try createClient(isAdministrator, base, &vault)
      case .google: return try createServiceAccount(isAdministrator, base, &vault)
      }
    } catch { throw failed(error, .aws) }
  }

  /// Makes a client with a secret; answers the file that is made of it.
  private mutating func createClient(_ isAdministrator: Bool, _ base: String, _ vault: inout LocalKMSVault) throws
    -> ByteBuffer
  {
    // Without + and /, which a form must not have as they are.
    var copy = try SecretBytes.random(count: Self.secretBytes).withBytes { Base64URL.encoded($0) }
    defer { SecretBytes.wipe(&copy) }
    let secret = try SecretBytes(copying: copy)
    var identity = Identity(
      id: KeyIdentifier.random(), kind: .azure, createdSeconds: nowSeconds, isAdministrator: isAdministrator)
    identity.secretHash = Hexadecimal.text(SigningHash.sha256(unsafe copy.span.bytes))
    let made = identity
    try change(&vault) { (state) throws(KMSFault) in state.identities[made.id] = made }
    let members: [JSONValue.Member] = [
      .init("tenantId", .string(Identity.tenant(configuration))), .init("clientId", .string(made.id)),
      .init("authority", .string(base)), .init("vaultUrl", .string(base)),
    ]
    return secret.withBytes { AWSRequestBody.secretText("clientSecret", $0, members) }
  }

  /// Makes a service account with a key; answers its key file, of which only the public half is kept.
  private mutating func createServiceAccount(_ isAdministrator: Bool, _ base: String, _ vault: inout LocalKMSVault)
    throws -> ByteBuffer
  {
    let key = try RSAKey.make(bits: 2048)
    guard let publicKey = RSAKey.publicKey(key) else { throw KMSFault.internal }
    let project = Identity.project(configuration.accountID)
    let name = "sa-" + KeyIdentifier.random().prefix(8)
    var identity = Identity(
      id: "\(name)@\(project).iam.gserviceaccount.com", kind: .google, createdSeconds: nowSeconds,
      isAdministrator: isAdministrator)
    identity.keyID = KeyIdentifier.random().filter { $0 != "-" }
    identity.publicKey = Base64.text(publicKey)
    let made = identity
    try change(&vault) { (state) throws(KMSFault) in state.identities[made.id] = made }
    let members: [JSONValue.Member] = [
      .init("type", .string("service_account")), .init("project_id", .string(project)),
      .init("private_key_id", .string(made.keyID ?? "")), .init("client_email", .string(made.id)),
      .init("client_id", .string(configuration.accountID)), .init("token_uri", .string("\(base)/token")),
      .init("universe_domain", .string("googleapis.com")),
    ]
    let pem = try RSAKey.pem(key)
    return pem.withBytes { bytes in
      var text: [UInt8] = []
      text.reserveCapacity(bytes.byteCount * 2)
      defer { SecretBytes.wipe(&text) }
      for offset in bytes.byteOffsets {
        let byte = unsafe bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
        if byte == UInt8(ascii: "\n") { text += [UInt8(ascii: "\\"), UInt8(ascii: "n")] } else { text.append(byte) }
      }
      return unsafe AWSRequestBody.secretText("private_key", text.span.bytes, members)
    }
  }

  mutating func deleteIdentity(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.deleteIdentity, accessKey, vault)
    let id = try fields.required("Id", limit: 256)
    guard vault.state.identities[id] != nil else { throw .missing("there is no identity \(id)") }
    try change(&vault) { (state) throws(KMSFault) in state.identities[id] = nil }
    return ByteBuffer()
  }

  mutating func listIdentities(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.listIdentities, accessKey, vault)
    let (page, next) = try Self.page(vault.state.identities.keys.sorted(), fields)
    let items = page.compactMap { id in vault.state.identities[id] }.map { identity in
      JSONValue.object([
        .init("Id", .string(identity.id)), .init("Kind", .string(identity.kind.rawValue)),
        .init("Administrator", .bool(identity.isAdministrator)), .init("Created", .integer(identity.createdSeconds)),
      ])
    }
    return AWSRequestBody.plain([.init("Identities", .array(items))] + Self.tail(next))
  }

  /// The versions of all keys of Google's dialect, in all projects; Cloud KMS lists them ring by ring only.
  func listForeignKeys(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.listForeignKeys, accessKey, vault)
    var versions: [String: CryptoKey.Version] = [:]
    for key in vault.state.cryptoKeys.values {
      for version in key.versions { versions[key.versionName(version.number)] = version }
    }
    let (page, next) = try Self.page(versions.keys.sorted(), fields)
    let items = page.map { name in
      var members: [JSONValue.Member] = [.init("Name", .string(name))]
      if let version = versions[name] {
        members.append(.init("State", .string(version.state.rawValue)))
        if let seconds = version.destroySeconds { members.append(.init("Destroy", .integer(seconds))) }
      }
      return JSONValue.object(members)
    }
    return AWSRequestBody.plain([.init("Versions", .array(items))] + Self.tail(next))
  }

  /// Carries out a request of another dialect as the operator, who needs no token; nothing that would answer plaintext.
  mutating func relay(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.relay, accessKey, vault)
    let body = try fields.text("Body", limit: 16_384) ?? ""
    let inner = KMSRequest(
      method: try fields.required("Method", limit: 16), target: try fields.required("Target"),
      headers: [(name: "Host", value: try fields.required("Host", limit: 255))], body: ByteBuffer(string: body),
      clientAddress: entry.clientAddress)
    let dialect = Dialect(of: inner)
    do {
      let answer = try relayed(inner, dialect, &vault)
      return Self.relayedAnswer(answer.status, answer.body)
    } catch {
      entry.outcome = error.type
      return Self.relayedAnswer(
        error.status, dialect.body(of: error, requestID: entry.requestID, seconds: nowSeconds))
    }
  }

  private mutating func relayed(_ inner: KMSRequest, _ dialect: Dialect, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    switch dialect {
    case .azure:
      guard !(try VaultRoute(inner).operation.isCryptography) else { throw .unsupported("this by relay") }
      return try performAzure(inner, .operator, &vault)
    case .google:
      guard !(try GoogleRoute(inner).operation.isCryptography) else { throw .unsupported("this by relay") }
      return try performGoogle(inner, .operator, &vault)
    default: throw .unsupported("this dialect by relay")
    }
  }

  private static func relayedAnswer(_ status: Int, _ body: ByteBuffer) -> ByteBuffer {
    AWSRequestBody.plain([
      .init("Status", .integer(Int64(status))), .init("Body", .string(String(buffer: body))),
    ])
  }
}
