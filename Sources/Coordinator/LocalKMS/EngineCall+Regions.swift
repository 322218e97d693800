// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Sealing
internal import Secrets

/// Multi-Region keys, and rotation on demand.
extension EngineCall {
  mutating func replicateKey(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let slot = try keyID(fields)
    try authorize(.replicateKey, accessKey, keyID: slot, vault)
    try fields.refuse("Tags")
    try fields.refuse("Policy")
    let region = try fields.required("ReplicaRegion", limit: 64)
    guard (try? KeyARN("arn:aws:kms:\(region):\(configuration.accountID):key/0")) != nil else {
      throw .validation("ReplicaRegion is not the name of a region")
    }
    let primary = try vault.state.usable(slot, arn: arn(slot))
    guard primary.isMultiRegion, primary.isPrimary else {
      throw .unsupported("replicas of a key that is not a multi-Region primary key")
    }
    let place = KeySlot(id: KeySlot(slot).id, region: region, home: configuration.region)
    guard vault.state.keys[place.text] == nil else {
      throw KMSFault("AlreadyExistsException", "\(arn(place.text)) already exists")
    }
    guard vault.state.places(of: place.id).count < LocalKMSState.maximumRegions else {
      throw KMSFault("LimitExceededException", "the key is in \(LocalKMSState.maximumRegions) regions already")
    }
    var replica: LocalKMSState.Key
    do {
      replica = LocalKMSState.Key(
        id: place.text, summary: try fields.text("Description", limit: 8192) ?? primary.summary,
        createdSeconds: nowSeconds, sealedMaterial: try moved(primary.sealedMaterial, primary, to: place, vault))
      replica.isReplica = true
      replica.rotations = []
      for rotation in primary.rotations ?? [] {
        replica.rotations?.append(
          .init(
            seconds: rotation.seconds, sealedMaterial: try moved(rotation.sealedMaterial, primary, to: place, vault)))
      }
    } catch { throw failed(error, .aws) }
    let made = replica
    try change(&vault) { (state) throws(KMSFault) in state.keys[made.id] = made }
    return AWSRequestBody.plain([.init("ReplicaKeyMetadata", metadata(made, vault))])
  }

  private func moved(
    _ sealed: String, _ key: LocalKMSState.Key, to place: KeySlot, _ vault: borrowing LocalKMSVault
  ) throws(LocalKMSError) -> String { try vault.seal(try vault.open(sealed, for: key.id), for: place.text) }

  mutating func rotateKey(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: inout LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let slot = try keyID(fields)
    try authorize(.rotateKeyOnDemand, accessKey, keyID: slot, vault)
    let key = try vault.state.usable(slot, arn: arn(slot))
    guard key.isPrimary else { throw .unsupported("the rotation of a replica; rotate its primary key") }
    guard key.rotation < LocalKMSState.maximumRotations else {
      throw KMSFault("LimitExceededException", "the key was rotated \(LocalKMSState.maximumRotations) times already")
    }
    var sealed: [String: String] = [:]
    do {
      let material = try SecretBytes.random(count: PageCipher.keyBytes)
      for place in vault.state.places(of: KeySlot(slot).id) {
        sealed[place.id] = try vault.seal(material, for: place.id)
      }
    } catch { throw failed(error, .aws) }
    let added = sealed
    try change(&vault) { (state) throws(KMSFault) in
      for (id, material) in added {
        let rotations = state.keys[id]?.rotations ?? []
        state.keys[id]?.rotations = rotations + [.init(seconds: nowSeconds, sealedMaterial: material)]
      }
    }
    return AWSRequestBody.plain([.init("KeyId", .string(arn(slot)))])
  }

  mutating func listRotations(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let slot = try keyID(fields)
    try authorize(.listKeyRotations, accessKey, keyID: slot, vault)
    guard let key = vault.state.keys[slot] else { throw .notFound(arn(slot)) }
    let rotations = (key.rotations ?? []).map { rotation in
      JSONValue.object([
        .init("KeyId", .string(KeySlot(slot).id)), .init("RotationDate", .integer(rotation.seconds)),
        .init("RotationType", .string("ON_DEMAND")),
      ])
    }
    return AWSRequestBody.plain([.init("Rotations", .array(rotations)), .init("Truncated", .bool(false))])
  }

  mutating func rotationStatus(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let slot = try keyID(fields)
    try authorize(.getKeyRotationStatus, accessKey, keyID: slot, vault)
    guard vault.state.keys[slot] != nil else { throw .notFound(arn(slot)) }
    return AWSRequestBody.plain([.init("KeyId", .string(arn(slot))), .init("KeyRotationEnabled", .bool(false))])
  }

  /// What a description says of a key's regions.
  func regions(of key: LocalKMSState.Key, _ vault: borrowing LocalKMSVault) -> [JSONValue.Member] {
    guard key.isMultiRegion else { return [] }
    let places = vault.state.places(of: KeySlot(key.id).id)
    let items = places.map { place in
      JSONValue.object([
        .init("Arn", .string(arn(place.id))),
        .init("Region", .string(KeySlot(place.id).region(home: configuration.region))),
      ])
    }
    let primary = places.firstIndex { $0.isPrimary }
    return [
      .init(
        "MultiRegionConfiguration",
        .object([
          .init("MultiRegionKeyType", .string(key.isPrimary ? "PRIMARY" : "REPLICA")),
          .init("PrimaryKey", primary.map { items[$0] } ?? .object([])),
          .init("ReplicaKeys", .array(items.indices.filter { $0 != primary }.map { items[$0] })),
        ]))
    ]
  }
}
