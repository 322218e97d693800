// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Sealing
internal import Secrets

/// Encrypting and decrypting.
extension EngineCall {
  mutating func encrypt(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let id = try keyID(fields)
    entry.context = try fields.context()
    try authorize(.encrypt, accessKey, keyID: id, vault)
    try refuseUnsupported(fields)
    let plaintext = try fields.secret("Plaintext", limit: RequestFields.maximumPlaintextBytes)
    return AWSRequestBody.plain([
      .init("CiphertextBlob", .string(try seal(plaintext, id, vault))), .init("KeyId", .string(arn(id))),
      .init("EncryptionAlgorithm", .string("SYMMETRIC_DEFAULT")),
    ])
  }

  mutating func decrypt(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let named = try fields.text("KeyId") == nil ? nil : keyID(fields)
    entry.context = try fields.context()
    try refuseUnsupported(fields)
    if let named {
      guard vault.state.keys[named] != nil else { throw .notFound(arn(named)) }
      try authorize(.decrypt, accessKey, keyID: named, vault)
      _ = try vault.state.usable(named, arn: arn(named))
    }
    let bytes = try fields.blob("CiphertextBlob", limit: RequestFields.maximumCiphertextBytes)
    guard let blob = CiphertextBlob(bytes) else { throw .invalidCiphertext }
    let id = KeySlot(id: blob.keyID, region: region, home: configuration.region).text
    if let named, named != id { throw .incorrectKey }
    guard vault.state.keys[id] != nil else { throw .foreignCiphertext }
    entry.keyID = arn(id)
    try authorize(.decrypt, accessKey, keyID: id, vault)
    let plaintext = try open(blob, id, vault)
    return plaintext.withBytes { bytes in
      AWSRequestBody.secret(
        "Plaintext", bytes,
        [.init("KeyId", .string(arn(id))), .init("EncryptionAlgorithm", .string("SYMMETRIC_DEFAULT"))])
    }
  }

  mutating func generateDataKey(
    _ fields: RequestFields, _ accessKey: LocalKMSState.AccessKey, _ vault: borrowing LocalKMSVault
  ) throws(KMSFault) -> ByteBuffer {
    let id = try keyID(fields)
    entry.context = try fields.context()
    try authorize(.generateDataKey, accessKey, keyID: id, vault)
    try fields.refuse("GrantTokens")
    let count: Int
    switch (try fields.text("KeySpec"), try fields.integer("NumberOfBytes")) {
    case ("AES_256", nil): count = 32
    case ("AES_128", nil): count = 16
    case (nil, let bytes?) where (1...1024).contains(bytes): count = bytes
    default: throw .validation("Give one of KeySpec (AES_256, AES_128) and NumberOfBytes (1 to 1024)")
    }
    let plaintext: SecretBytes
    do { plaintext = try SecretBytes.random(count: count) } catch { throw self.internal(error) }
    let sealed = try seal(plaintext, id, vault)
    return plaintext.withBytes { bytes in
      AWSRequestBody.secret(
        "Plaintext", bytes, [.init("CiphertextBlob", .string(sealed)), .init("KeyId", .string(arn(id)))])
    }
  }

  private func refuseUnsupported(_ fields: RequestFields) throws(KMSFault) {
    try fields.refuse("EncryptionAlgorithm", unless: ["SYMMETRIC_DEFAULT"])
    try fields.refuse("GrantTokens")
  }

  private func seal(_ plaintext: borrowing SecretBytes, _ id: String, _ vault: borrowing LocalKMSVault)
    throws(KMSFault) -> String
  {
    _ = try vault.state.usable(id, arn: arn(id))
    let bare = KeySlot(id).id
    guard let rotation = vault.state.keys[id]?.rotation, let cipher = vault.cipher(id, rotation: rotation) else {
      throw .internal
    }
    let sealed: [UInt8]
    do {
      sealed = try cipher.seal(
        plaintext,
        authenticating: CiphertextBlob.associatedData(keyID: bare, rotation: rotation, context: entry.context))
    } catch {
      throw self.internal(error)
    }
    guard let bytes = CiphertextBlob(keyID: bare, rotation: rotation, sealed: sealed).bytes else { throw .internal }
    return Base64.text(bytes)
  }

  private func open(_ blob: CiphertextBlob, _ id: String, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> SecretBytes
  {
    _ = try vault.state.usable(id, arn: arn(id))
    guard let cipher = vault.cipher(id, rotation: blob.rotation) else { throw .invalidCiphertext }
    let associated = CiphertextBlob.associatedData(
      keyID: blob.keyID, rotation: blob.rotation, context: entry.context)
    do { return try cipher.openSecret(blob.sealed, authenticating: associated) } catch {
      guard error.code == .forged else { throw self.internal(error) }
      throw .invalidCiphertext
    }
  }
}
