// SPDX-License-Identifier: GPL-3.0-or-later

internal import KeyManagement
internal import NIOCore
internal import Sealing
internal import Secrets

/// The life of keys in Google's dialect.
extension EngineCall {
  mutating func createKeyRing(_ request: KMSRequest, _ route: GoogleRoute, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    _ = try JSONBody(request.body, .google, known: [])
    let name = "\(route.resource)/keyRings/\(try newID(request, "keyRingId"))"
    guard vault.state.keyRings[name] == nil else { throw Self.exists(name) }
    guard vault.state.keyRings.count < CryptoKey.maximumRings else { throw Self.tooMany("key rings") }
    try change(&vault) { (state) throws(KMSFault) in state.keyRings[name] = nowSeconds }
    return KMSAnswer(Self.ring(name, nowSeconds))
  }

  mutating func createCryptoKey(_ request: KMSRequest, _ route: GoogleRoute, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    let body = try JSONBody(request.body, .google, known: ["purpose", "labels"])
    guard try body.name("purpose", of: [1: "ENCRYPT_DECRYPT"]) != nil else {
      throw .invalidArgument("The local KMS makes keys with the purpose ENCRYPT_DECRYPT only.")
    }
    guard vault.state.keyRings[route.resource] != nil else { throw .resourceNotFound(route.resource) }
    let name = "\(route.resource)/cryptoKeys/\(try newID(request, "cryptoKeyId"))"
    guard vault.state.cryptoKeys[name] == nil else { throw Self.exists(name) }
    guard vault.state.cryptoKeys.count < CryptoKey.maximumKeys else { throw Self.tooMany("keys") }
    var key = CryptoKey(name: name, id: KeyIdentifier.random(), createdSeconds: nowSeconds)
    key.labels = try body.pairs("labels") ?? [:]
    if request.query["skipInitialVersionCreation"] != "true" {
      key.versions = [try newCryptoKeyVersion(key, vault)]
      key.primary = 1
    }
    let made = key
    try change(&vault) { (state) throws(KMSFault) in state.cryptoKeys[name] = made }
    return KMSAnswer(Self.members(made))
  }

  mutating func createCryptoKeyVersion(_ request: KMSRequest, _ route: GoogleRoute, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    _ = try JSONBody(request.body, .google, known: ["state"])
    var key = try cryptoKey(route, vault)
    guard key.versions.count < CryptoKey.maximumVersions else { throw Self.tooMany("versions") }
    let version = try newCryptoKeyVersion(key, vault)
    key.versions.append(version)
    let changed = key
    try change(&vault) { (state) throws(KMSFault) in state.cryptoKeys[changed.name] = changed }
    return KMSAnswer(Self.members(version, of: changed))
  }

  mutating func updatePrimary(_ request: KMSRequest, _ route: GoogleRoute, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    let body = try JSONBody(request.body, .google, known: ["cryptoKeyVersionId"])
    var key = try cryptoKey(route, vault)
    guard let number = try body.text("cryptoKeyVersionId").flatMap({ Int($0) }) else {
      throw .invalidArgument("cryptoKeyVersionId must be the number of a version.")
    }
    _ = try key.usable(number)
    key.primary = number
    let changed = key
    try change(&vault) { (state) throws(KMSFault) in state.cryptoKeys[changed.name] = changed }
    return KMSAnswer(Self.members(changed))
  }

  mutating func changeVersion(_ request: KMSRequest, _ route: GoogleRoute, _ vault: inout LocalKMSVault)
    throws(KMSFault) -> KMSAnswer
  {
    var key = try cryptoKey(route, vault)
    guard let number = route.version else { throw .resourceNotFound(route.resource) }
    if route.operation == .updateVersion {
      let body = try JSONBody(request.body, .google, known: ["name", "state"])
      guard request.query["updateMask"] == "state",
        let name = try body.name("state", of: [1: "ENABLED", 2: "DISABLED"]),
        let state = CryptoKey.State(rawValue: name)
      else { throw .invalidArgument("The local KMS updates state only, to ENABLED or DISABLED (updateMask=state).") }
      try key.setState(state, number)
    } else {
      _ = try JSONBody(request.body, .google, known: [])
      try key.setDestroyed(route.operation == .destroyVersion, number, nowSeconds: nowSeconds)
    }
    let changed = key
    try change(&vault) { (state) throws(KMSFault) in state.cryptoKeys[changed.name] = changed }
    guard let index = changed.index(number) else { throw .resourceNotFound(route.resource) }
    return KMSAnswer(Self.members(changed.versions[index], of: changed))
  }

  private func newCryptoKeyVersion(_ key: CryptoKey, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> CryptoKey.Version
  {
    let number = (key.versions.map(\.number).max() ?? 0) + 1
    do {
      let sealed = try vault.seal(try SecretBytes.random(count: PageCipher.keyBytes), for: key.label(number))
      return CryptoKey.Version(number: number, createdSeconds: nowSeconds, sealedMaterial: sealed)
    } catch { throw failed(error, .google) }
  }

  private func newID(_ request: KMSRequest, _ name: String) throws(KMSFault) -> String {
    guard let id = request.query[name], GoogleRoute.isID(id), !id.contains(":"), !id.contains(".") else {
      throw .invalidArgument("\(name) must match [a-zA-Z0-9_-]{1,63}.")
    }
    return id
  }

  private static func exists(_ name: String) -> KMSFault {
    KMSFault("ALREADY_EXISTS", "\(name) already exists.", status: 409)
  }

  private static func tooMany(_ what: String) -> KMSFault {
    KMSFault("RESOURCE_EXHAUSTED", "There are too many \(what) already.", status: 429)
  }
}

/// Cloud KMS's resources as JSON.
extension EngineCall {
  static func ring(_ name: String, _ createdSeconds: Int64) -> [JSONValue.Member] {
    [.init("name", .string(name)), .init("createTime", .string(CivilTime(seconds: createdSeconds).extended))]
  }

  static func members(_ key: CryptoKey) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = [
      .init("name", .string(key.name)), .init("purpose", .string("ENCRYPT_DECRYPT")),
      .init("createTime", .string(CivilTime(seconds: key.createdSeconds).extended)),
      .init("destroyScheduledDuration", .string("\(CryptoKey.destroyDays * 86_400)s")),
      .init(
        "versionTemplate",
        .object([
          .init("protectionLevel", .string("SOFTWARE")), .init("algorithm", .string("GOOGLE_SYMMETRIC_ENCRYPTION")),
        ])),
    ]
    if !key.labels.isEmpty { members.append(.init("labels", .texts(key.labels))) }
    if let index = key.primary.flatMap({ key.index($0) }) {
      members.append(.init("primary", .object(Self.members(key.versions[index], of: key))))
    }
    return members
  }

  static func members(_ version: CryptoKey.Version, of key: CryptoKey) -> [JSONValue.Member] {
    let created = CivilTime(seconds: version.createdSeconds).extended
    var members: [JSONValue.Member] = [
      .init("name", .string(key.versionName(version.number))), .init("state", .string(version.state.rawValue)),
      .init("createTime", .string(created)), .init("generateTime", .string(created)),
      .init("protectionLevel", .string("SOFTWARE")), .init("algorithm", .string("GOOGLE_SYMMETRIC_ENCRYPTION")),
    ]
    if let seconds = version.destroySeconds {
      let name = version.state == .destroyed ? "destroyEventTime" : "destroyTime"
      members.append(.init(name, .string(CivilTime(seconds: seconds).extended)))
    }
    return members
  }
}

/// Encrypting and decrypting in Google's dialect.
extension EngineCall {
  /// The largest plaintext and the largest data authenticated with it (API reference, Encrypt), in bytes.
  private static let maximumGoogleBytes = 65_536

  func googleEncrypt(_ request: KMSRequest, _ route: GoogleRoute, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    let body = try JSONBody(
      request.body, .google,
      known: [
        "name", "plaintext", "additionalAuthenticatedData", "plaintextCrc32c", "additionalAuthenticatedDataCrc32c",
      ])
    let key = try cryptoKey(route, vault)
    guard let number = route.version ?? key.primary else {
      throw .precondition("\(key.name) has no primary version.", key.name, type: "KEY_NO_PRIMARY")
    }
    let version = try key.usable(number)
    guard let plaintext = try body.secret("plaintext", limit: Self.maximumGoogleBytes) else {
      throw .invalidArgument("plaintext is missing.")
    }
    let isPlaintextChecked = try checkSum(body, "plaintextCrc32c", plaintext.withBytes { CRC32C.of($0) })
    let (associated, isDataChecked) = try associatedData(body)
    do {
      let sealed = try cipher(key, version, vault).seal(
        plaintext,
        authenticating: VersionedBlob.associatedData(keyID: key.id, version: number, associated))
      let blob = VersionedBlob(keyID: key.id, version: number, sealed: sealed).bytes ?? []
      return KMSAnswer([
        .init("name", .string(key.versionName(number))), .init("ciphertext", .string(Base64.text(blob))),
        .init("ciphertextCrc32c", .string(String(CRC32C.of(blob)))),
        .init("verifiedPlaintextCrc32c", .bool(isPlaintextChecked)),
        .init("verifiedAdditionalAuthenticatedDataCrc32c", .bool(isDataChecked)),
        .init("protectionLevel", .string("SOFTWARE")),
      ])
    } catch { throw failed(error, .google) }
  }

  func googleDecrypt(_ request: KMSRequest, _ route: GoogleRoute, _ vault: borrowing LocalKMSVault) throws(KMSFault)
    -> KMSAnswer
  {
    let body = try JSONBody(
      request.body, .google,
      known: [
        "name", "ciphertext", "additionalAuthenticatedData", "ciphertextCrc32c", "additionalAuthenticatedDataCrc32c",
      ])
    let key = try cryptoKey(route, vault)
    guard let bytes = try body.bytes("ciphertext", limit: 2 * Self.maximumGoogleBytes) else {
      throw .invalidArgument("ciphertext is missing.")
    }
    _ = try checkSum(body, "ciphertextCrc32c", CRC32C.of(bytes))
    let (associated, _) = try associatedData(body)
    let wrongKey = KMSFault.invalidArgument(
      "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
    guard let blob = VersionedBlob(bytes), blob.keyID == key.id else { throw wrongKey }
    let version = try key.usable(blob.version)
    let plaintext: SecretBytes
    do {
      plaintext = try cipher(key, version, vault).openSecret(
        blob.sealed,
        authenticating: VersionedBlob.associatedData(keyID: key.id, version: blob.version, associated))
    } catch let error as SealingError where error.code == .forged {
      throw .invalidArgument("Decryption failed: the ciphertext is invalid.")
    } catch { throw failed(error, .google) }
    let members: [JSONValue.Member] = [
      .init("plaintextCrc32c", .string(String(plaintext.withBytes { CRC32C.of($0) }))),
      .init("usedPrimary", .bool(key.primary == blob.version)), .init("protectionLevel", .string("SOFTWARE")),
    ]
    return plaintext.withBytes { KMSAnswer(AWSRequestBody.secret("plaintext", $0, members)) }
  }

  private func associatedData(_ body: JSONBody) throws(KMSFault) -> (data: [UInt8], isChecked: Bool) {
    let data = try body.bytes("additionalAuthenticatedData", limit: Self.maximumGoogleBytes) ?? []
    return (data, try checkSum(body, "additionalAuthenticatedDataCrc32c", CRC32C.of(data)))
  }

  /// Compares a checksum with what the client sent; answers whether it sent one.
  private func checkSum(_ body: JSONBody, _ name: String, _ value: UInt32) throws(KMSFault) -> Bool {
    guard let claimed = try body.integer(name) else { return false }
    guard claimed == Int64(value) else {
      throw .invalidArgument("The checksum in field \(name) did not match the data in field \(name.dropLast(6)).")
    }
    return true
  }

  private func cipher(_ key: CryptoKey, _ version: CryptoKey.Version, _ vault: borrowing LocalKMSVault) throws
    -> PageCipher
  {
    guard let sealed = version.sealedMaterial else { throw Dialect.google.failure }
    return try PageCipher(key: try vault.open(sealed, for: key.label(version.number)))
  }
}
