// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Secrets

/// Access keys, which AWS keeps in IAM; these actions are the local KMS's own.
extension EngineCall {
  /// The random bytes behind a secret access key: 40 characters of base64, as AWS issues them.
  static let secretBytes = 30
  /// The longest life of a temporary access key: 36 hours, as with AWS.
  static let maximumDurationSeconds = 129_600

  mutating func createAccessKey(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.createAccessKey, accessKey, vault)
    let duration = try fields.integer("DurationSeconds")
    if let duration, !(1...Self.maximumDurationSeconds).contains(duration) {
      throw .validation("DurationSeconds must be between 1 and \(Self.maximumDurationSeconds)")
    }
    guard vault.state.accessKeys.count < LocalKMSState.maximumAccessKeys else {
      throw KMSFault("LimitExceededException", "there are \(LocalKMSState.maximumAccessKeys) access keys already")
    }
    let secret: SecretBytes
    do { secret = try Self.randomSecret() } catch { throw self.internal(error) }
    let token: String?
    var made: LocalKMSState.AccessKey
    do {
      token = duration == nil ? nil : String(decoding: try Self.randomSecret().unprotectedCopy(), as: UTF8.self)
      made = try Self.accessKey(secret, isRoot: false, isTemporary: token != nil, nowSeconds: nowSeconds, vault)
    } catch { throw self.internal(error) }
    made.sessionTokenHash = token.map { Hexadecimal.text(SigningHash.sha256($0)) }
    made.expiresSeconds = duration.map { nowSeconds + Int64($0) }
    let added = made
    try change(&vault) { (state) throws(KMSFault) in state.accessKeys[added.id] = added }
    var members: [JSONValue.Member] = [.init("AccessKeyId", .string(added.id))]
    if let token { members.append(.init("SessionToken", .string(token))) }
    return secret.withBytes { AWSRequestBody.secretText("SecretAccessKey", $0, members) }
  }

  mutating func deleteAccessKey(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.deleteAccessKey, accessKey, vault)
    let id = try fields.required("AccessKeyId", limit: 128)
    guard let found = vault.state.accessKeys[id] else { throw .missing("there is no access key \(id)") }
    guard !found.isRoot else { throw KMSFault("KMSInvalidStateException", "the first access key cannot be deleted") }
    try change(&vault) { (state) throws(KMSFault) in state.accessKeys[id] = nil }
    return ByteBuffer()
  }

  mutating func listAccessKeys(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.listAccessKeys, accessKey, vault)
    let (page, next) = try Self.page(vault.state.accessKeys.keys.sorted(), fields)
    let keys = page.map { id in
      let deniedBy = vault.state.keys.values.filter { $0.deniedAccessKeys.contains(id) }.map(\.id).sorted()
      return JSONValue.object([
        .init("AccessKeyId", .string(id)), .init("IsRoot", .bool(vault.state.accessKeys[id]?.isRoot ?? false)),
        .init("DeniedKeys", .array(deniedBy.map { .string(arn($0)) })),
      ])
    }
    return AWSRequestBody.plain([.init("AccessKeys", .array(keys))] + Self.tail(next))
  }

  mutating func setDenied(
    _ action: KMSAction, _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let named = try fields.required("KeyId")
    let other = try fields.required("AccessKeyId", limit: 256)
    if named.contains("/keys/") || named.hasPrefix("projects/") {
      try authorize(action, accessKey, vault)
      entry.keyID = AuditEntry.cleaned(named)
      try change(&vault) { (state) throws(KMSFault) in
        try state.setDenied(action == .denyAccess, identity: other, foreignKey: named)
      }
      return ByteBuffer()
    }
    let id = try keyID(fields)
    try authorize(action, accessKey, keyID: id, vault)
    try change(&vault) { (state) throws(KMSFault) in
      try state.setDenied(action == .denyAccess, accessKey: other, id, arn: arn(id))
    }
    return ByteBuffer()
  }

  /// Who may not use a key, of any dialect.
  mutating func listDenials(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.listDenials, accessKey, vault)
    let named = try fields.required("KeyId")
    let denied: Set<String>
    if named.contains("/keys/") || named.hasPrefix("projects/") {
      denied = vault.state.deniedIdentities(ofForeignKey: named)
    } else {
      let id = try keyID(fields)
      guard let key = vault.state.keys[id] else { throw .notFound(arn(id)) }
      denied = key.deniedAccessKeys
    }
    return AWSRequestBody.plain([.init("Denied", .array(denied.sorted().map { .string($0) }))])
  }

  /// A fresh secret access key or session token.
  static func randomSecret() throws(SecretsError) -> SecretBytes {
    var text = try SecretBytes.random(count: secretBytes).withBytes { Base64.encoded($0) }
    defer { SecretBytes.wipe(&text) }
    return try SecretBytes(copying: text)
  }

  /// A fresh access key around a secret.
  static func accessKey(
    _ secret: borrowing SecretBytes, isRoot: Bool, isTemporary: Bool, nowSeconds: Int64,
    _ vault: borrowing LocalKMSVault
  ) throws(LocalKMSError) -> LocalKMSState.AccessKey {
    let id = KeyIdentifier.randomAccessKey(isTemporary: isTemporary)
    return LocalKMSState.AccessKey(
      id: id, createdSeconds: nowSeconds, isRoot: isRoot, sealedSecret: try vault.seal(secret, for: id))
  }
}
