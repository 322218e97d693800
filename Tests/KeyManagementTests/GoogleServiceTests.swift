// SPDX-License-Identifier: GPL-3.0-or-later

import CCrypto
import ClusterModel
import NIOCore
import Secrets
import Testing

@testable import KeyManagement

@Suite("The Google Cloud KMS service against scripted answers")
struct GoogleServiceTests {
  private static let key = Array("0123456789abcdef0123456789abcdef".utf8)

  @Test("encrypts with the version, decrypts with its key, and sends every part with its CRC32C")
  func roundTrip() async throws {
    let cloud = ScriptedCloud()
    Clouds.account(cloud)
    let service = try cloud.service(Clouds.google)
    let wrapped = try await service.wrap(
      SecretBytes(copying: Self.key), context: ScriptedCloud.context, deadline: .seconds(300))
    #expect(wrapped.keyID == Clouds.googleKey && wrapped.keyVersion == "3" && wrapped.region == "europe-west3")
    let key = try await service.unwrap(wrapped, context: ScriptedCloud.context, deadline: .seconds(300))
    #expect(key.unprotectedCopy() == Self.key)

    let encrypt = try #require(cloud.questions(":encrypt").first)
    #expect(encrypt.url == "https://cloudkms.googleapis.com/v1/\(Clouds.googleKey):encrypt")
    #expect(encrypt.header("Authorization") == "Bearer eyJ.token-1")
    let decrypt = try #require(cloud.questions(":decrypt").first)
    #expect(
      decrypt.url == "https://cloudkms.googleapis.com/v1/projects/p-1/locations/europe-west3/keyRings/ring/"
        + "cryptoKeys/cmk:decrypt")
    let data =
      #"{"keyfold:cluster":"orders","keyfold:node":"orders-1","keyfold:project":"shop","#
      + #""keyfold:purpose":"master-key"}"#
    for question in [encrypt, decrypt] {
      #expect(question.text.contains(#""additionalAuthenticatedData":"\#(Base64.text(Array(data.utf8)))""#))
      #expect(
        question.text.contains(#""additionalAuthenticatedDataCrc32c":"\#(CRC32C.of(Array(data.utf8)))""#))
    }
    #expect(encrypt.text.contains(#""plaintextCrc32c":"\#(CRC32C.of(Self.key))""#))
    #expect(decrypt.text.contains(#""ciphertextCrc32c":"\#(CRC32C.of(wrapped.blob))""#))
    let token = cloud.questions("metadata.google.internal")
    #expect(token.count == 1 && token[0].header("Metadata-Flavor") == "Google")
  }

  @Test(
    "a plaintext that is damaged, missing or without its checksum proves nothing",
    arguments: [
      "", "{}", #"{"plaintext":"Zm9vYmFy"}"#, #"{"plaintext":"Zm9vYmFy","plaintextCrc32c":"1"}"#,
      #"{"plaintext":"","plaintextCrc32c":"0"}"#, #"{"plaintext":"Zm9v*","plaintextCrc32c":"0"}"#,
      #"{"plaintext":"Zm9vYmFy","plaintextCrc32c":"-1"}"#,
    ])
  func malformed(body: String) async throws {
    let cloud = ScriptedCloud()
    Clouds.account(cloud)
    cloud.on(":decrypt", 200, body)
    let error = await cloud.failure(try cloud.service(Clouds.google), Clouds.googleBlob)
    #expect(error?.kind == .malformedAnswer)
  }

  @Test(
    "a ciphertext that is not verified, damaged or of another version is not kept",
    arguments: [
      (#""verifiedPlaintextCrc32c":true"#, #""verifiedPlaintextCrc32c":false"#), ("Versions/3", "Versions/4"),
      (#""ciphertextCrc32c":""#, #""ciphertextCrc32c":"7"#),
      (#""verifiedAdditionalAuthenticatedDataCrc32c":true"#, #""other":true"#),
    ])
  func unverified(change: (String, String)) async throws {
    let cloud = ScriptedCloud()
    Clouds.account(cloud)
    let crc = CRC32C.of([1, 2, 3])
    let body =
      #"{"name":"\#(Clouds.googleKey)","ciphertext":"AQID","ciphertextCrc32c":"\#(crc)","#
      + #""verifiedPlaintextCrc32c":true,"verifiedAdditionalAuthenticatedDataCrc32c":true}"#
    cloud.on(":encrypt", 200, body.replacing(change.0, with: change.1))
    do {
      let service = try cloud.service(Clouds.google)
      _ = try await service.wrap(
        SecretBytes(copying: Self.key), context: ScriptedCloud.context, deadline: .seconds(300))
      Issue.record("it was kept")
    } catch let error as KMSError { #expect(error.kind == .malformedAnswer) }
  }

  @Test("signs for a service account, so that its public key verifies the assertion")
  func serviceAccount() async throws {
    let account = try TestAccount()
    let cloud = ScriptedCloud()
    Clouds.account(cloud)
    cloud.on("oauth2.googleapis.com", 200, Clouds.token)
    var settings = Clouds.google
    settings.credentials = .googleServiceAccount
    let service = try cloud.service(settings, secret: account.file)
    #expect(await cloud.failure(service, Clouds.googleBlob) == nil)
    let asked = try #require(cloud.questions("oauth2.googleapis.com").first)
    #expect(asked.url == "https://oauth2.googleapis.com/token")
    let prefix = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
    #expect(asked.text.hasPrefix(prefix))
    let parts = asked.text.dropFirst(prefix.count).split(separator: ".").map(String.init)
    #expect(parts.count == 3)
    let claims = String(decoding: Base64URL.bytes(parts[1]) ?? [], as: UTF8.self)
    #expect(
      claims == #"{"iss":"keyfold@p-1.iam.gserviceaccount.com","scope":"https://www.googleapis.com/auth/cloudkms","#
        + #""aud":"https://oauth2.googleapis.com/token","iat":1440938160,"exp":1440941760}"#)
    #expect(account.verifies("\(parts[0]).\(parts[1])", Base64URL.bytes(parts[2]) ?? []))
    #expect(!account.verifies("\(parts[0]).\(parts[1])x", Base64URL.bytes(parts[2]) ?? []))
  }

  @Test("a key file may write any of the key's characters as a JSON escape, and none that PEM has not")
  func escapedKeyFile() throws {
    let file = try TestAccount().file
    var settings = Clouds.google
    settings.credentials = .googleServiceAccount
    let escaped = file.replacing("\\n", with: "\\u000a").replacing("+", with: "\\u002B")
      .replacing("-----", with: "\\u002d----")
    #expect(escaped != file)
    _ = try ScriptedCloud().service(settings, secret: escaped)
    for end in ["\\u00AD", "\\u012d", "\\u00", "\\t"] {
      let wrong = file.replacing("KEY-----\\n\"", with: "KEY-----\(end)\"")
      #expect(wrong != file)
      #expect(throws: (any Error).self) { try ScriptedCloud().service(settings, secret: wrong) }
    }
  }

  @Test(
    "a secret that is no key file is refused before anything is sent",
    arguments: [
      "", "{}", "secret", #"{"type":"authorized_user","client_email":"a@b","private_key":"x"}"#,
      #"{"type":"service_account","client_email":"a@b","private_key":"-----BEGIN PRIVATE KEY-----\nAA\n"}"#,
      #"{"type":"service_account","client_email":"a\r\nb","private_key":"x"}"#,
    ])
  func keyFile(text: String) throws {
    var settings = Clouds.google
    settings.credentials = .googleServiceAccount
    #expect(throws: (any Error).self) { try ScriptedCloud().service(settings, secret: text) }
  }

  @Test("keys are named with their version")
  func names() {
    for name in [
      "", "projects/p/locations/l/keyRings/r/cryptoKeys/k", Clouds.googleKey + "/x", Clouds.googleKey + "0x",
      Clouds.googleKey.replacing("/3", with: "/03"), Clouds.googleKey.replacing("/3", with: "/"),
      Clouds.googleKey.replacing("ring", with: "r/../s"), Clouds.googleKey.replacing("cmk", with: "c k"),
      "https://cloudkms.googleapis.com/v1/" + Clouds.googleKey,
    ] { #expect(throws: ModelError.self) { try GoogleKeyVersion(name) } }
  }

  @Test("takes tokens from Google's metadata server only")
  func metadataFlavor() async throws {
    let cloud = ScriptedCloud()
    Clouds.account(cloud)
    cloud.on("metadata.google.internal", 200, Clouds.token)
    #expect(await cloud.failure(try cloud.service(Clouds.google), Clouds.googleBlob)?.kind == .malformedAnswer)
    #expect(cloud.questions(":decrypt").isEmpty)
  }

  @Test("CRC32C is the one of RFC 3720")
  func checksum() {
    #expect(CRC32C.of(Array("123456789".utf8)) == 0xE306_9283)
    #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(CRC32C.of([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(CRC32C.of([]) == 0)
  }
}

/// A service account with a key of its own.
@safe final class TestAccount {
  private let key: OpaquePointer
  let file: String

  init() throws {
    let made = unsafe EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nil)
    defer { unsafe EVP_PKEY_CTX_free(made) }
    var generated: OpaquePointer?
    guard unsafe EVP_PKEY_keygen_init(made) == 1, unsafe EVP_PKEY_CTX_set_rsa_keygen_bits(made, 2048) == 1,
      unsafe EVP_PKEY_keygen(made, &generated) == 1, let key = unsafe generated
    else { throw Unexpected() }
    unsafe self.key = key
    let bio = unsafe BIO_new(BIO_s_mem())
    defer { unsafe BIO_free(bio) }
    guard unsafe PEM_write_bio_PrivateKey(bio, key, nil, nil, 0, nil, nil) == 1 else { throw Unexpected() }
    var pem = [UInt8](repeating: 0, count: 4096)
    let count = unsafe BIO_read(bio, &pem, Int32(pem.count))
    let text = String(decoding: pem.prefix(Int(count)), as: UTF8.self).replacing("\n", with: "\\n")
    file =
      #"{"type":"service_account","project_id":"p-1","private_key_id":"k1","private_key":"\#(text)","#
      + #""client_email":"keyfold@p-1.iam.gserviceaccount.com","token_uri":"https://evil.example/token"}"#
  }

  deinit { unsafe EVP_PKEY_free(key) }

  func verifies(_ text: String, _ signature: [UInt8]) -> Bool {
    let context = unsafe EVP_MD_CTX_new()
    defer { unsafe EVP_MD_CTX_free(context) }
    let message = Array(text.utf8)
    return unsafe EVP_DigestVerifyInit(context, nil, EVP_sha256(), nil, key) == 1
      && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }

  struct Unexpected: Error {}
}
