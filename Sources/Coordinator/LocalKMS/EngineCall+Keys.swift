// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Sealing
internal import Secrets

/// The life of keys.
extension EngineCall {
  mutating func createKey(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.createKey, accessKey, vault)
    try fields.refuse("KeyUsage", unless: ["ENCRYPT_DECRYPT"])
    try fields.refuse("KeySpec", unless: ["SYMMETRIC_DEFAULT"])
    try fields.refuse("CustomerMasterKeySpec", unless: ["SYMMETRIC_DEFAULT"])
    try fields.refuse("Origin", unless: ["AWS_KMS"])
    try fields.refuse("Tags")
    let summary = try fields.text("Description", limit: 8192) ?? ""
    guard vault.state.keys.count < LocalKMSState.maximumKeys else {
      throw KMSFault("LimitExceededException", "there are \(LocalKMSState.maximumKeys) keys already")
    }
    let bare = try fields.bool("MultiRegion") ? KeyIdentifier.randomMultiRegion() : KeyIdentifier.random()
    let id = KeySlot(id: bare, region: region, home: configuration.region).text
    entry.keyID = arn(id)
    let sealed: String
    do { sealed = try vault.seal(try SecretBytes.random(count: PageCipher.keyBytes), for: id) } catch {
      throw self.internal(error)
    }
    let key = LocalKMSState.Key(id: id, summary: summary, createdSeconds: nowSeconds, sealedMaterial: sealed)
    try change(&vault) { (state) throws(KMSFault) in state.keys[id] = key }
    return AWSRequestBody.plain([.init("KeyMetadata", metadata(key, vault))])
  }

  mutating func describeKey(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let id = try keyID(fields)
    try authorize(.describeKey, accessKey, keyID: id, vault)
    guard let key = vault.state.keys[id] else { throw .notFound(arn(id)) }
    return AWSRequestBody.plain([.init("KeyMetadata", metadata(key, vault))])
  }

  mutating func setEnabled(
    _ action: KMSAction, _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let id = try keyID(fields)
    try authorize(action, accessKey, keyID: id, vault)
    try change(&vault) { (state) throws(KMSFault) in
      try state.setEnabled(action == .enableKey, id, arn: arn(id))
    }
    return ByteBuffer()
  }

  mutating func scheduleDeletion(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let id = try keyID(fields)
    try authorize(.scheduleKeyDeletion, accessKey, keyID: id, vault)
    let days = try fields.integer("PendingWindowInDays") ?? LocalKMSState.deletionDays.upperBound
    var deletion: Int64 = 0
    try change(&vault) { (state) throws(KMSFault) in
      deletion = try state.scheduleDeletion(id, days: days, nowSeconds: nowSeconds, arn: arn(id))
    }
    return AWSRequestBody.plain([
      .init("KeyId", .string(arn(id))), .init("DeletionDate", .integer(deletion)),
      .init("KeyState", .string("PendingDeletion")), .init("PendingWindowInDays", .integer(Int64(days))),
    ])
  }

  mutating func cancelDeletion(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let id = try keyID(fields)
    try authorize(.cancelKeyDeletion, accessKey, keyID: id, vault)
    try change(&vault) { (state) throws(KMSFault) in try state.cancelDeletion(id, arn: arn(id)) }
    return AWSRequestBody.plain([.init("KeyId", .string(arn(id)))])
  }

  mutating func listKeys(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    try authorize(.listKeys, accessKey, vault)
    let here = vault.state.keys.keys.filter { KeySlot($0).region(home: configuration.region) == region }
    let (page, next) = try Self.page(here.sorted(), fields)
    let keys = page.map { id in
      JSONValue.object([.init("KeyId", .string(KeySlot(id).id)), .init("KeyArn", .string(arn(id)))])
    }
    return AWSRequestBody.plain([.init("Keys", .array(keys))] + Self.tail(next))
  }

  /// The part of a sorted list a request asks for, and the marker of the next part.
  static func page(_ all: [String], _ fields: RequestFields) throws(KMSFault) -> (page: [String], next: String?) {
    let limit = try fields.integer("Limit") ?? 100
    guard (1...1000).contains(limit) else { throw .validation("Limit must be between 1 and 1000") }
    let marker = try fields.text("Marker")
    let rest = all.filter { id in marker.map { id > $0 } ?? true }
    let page = Array(rest.prefix(limit))
    return (page, rest.count > limit ? page.last : nil)
  }

  /// The last members of a list's part.
  static func tail(_ next: String?) -> [JSONValue.Member] {
    let marker: [JSONValue.Member] = next.map { [.init("NextMarker", .string($0))] } ?? []
    return [.init("Truncated", .bool(next != nil))] + marker
  }

  func metadata(_ key: LocalKMSState.Key, _ vault: borrowing LocalKMSVault) -> JSONValue {
    let deletion: [JSONValue.Member] = key.deletionSeconds.map { [.init("DeletionDate", .integer($0))] } ?? []
    return .object(
      [
        .init("AWSAccountId", .string(configuration.accountID)),
        .init("KeyId", .string(KeySlot(key.id).id)),
        .init("Arn", .string(arn(key.id))),
        .init("CreationDate", .integer(key.createdSeconds)),
        .init("Enabled", .bool(key.keyState == "Enabled")),
        .init("Description", .string(key.summary)),
        .init("KeyUsage", .string("ENCRYPT_DECRYPT")),
        .init("KeyState", .string(key.keyState)),
        .init("Origin", .string("AWS_KMS")),
        .init("KeyManager", .string("CUSTOMER")),
        .init("CustomerMasterKeySpec", .string("SYMMETRIC_DEFAULT")),
        .init("KeySpec", .string("SYMMETRIC_DEFAULT")),
        .init("EncryptionAlgorithms", .array([.string("SYMMETRIC_DEFAULT")])),
        .init("MultiRegion", .bool(key.isMultiRegion)),
      ] + deletion + regions(of: key, vault))
  }
}
