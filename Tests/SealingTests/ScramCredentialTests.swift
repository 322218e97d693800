// SPDX-License-Identifier: GPL-3.0-or-later
import Secrets
import Testing

@testable import Sealing

@Suite("A SCRAM credential checks what RFC 7677 says it checks, and no more")
struct ScramCredentialTests {
  /// RFC 7677, section 3: user "user", password "pencil".
  static let authMessage = Array(
    ("n=user,r=rOprNGfwEbeRWgbNEkqO,"
      + "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
      + "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0").utf8)

  private func credential(_ password: String = "pencil") throws -> ScramCredential {
    let salt = try #require(Hexadecimal.bytes(of: "5b6d99689d12358eeca04b141236fa81"))
    return try ScramCredential(password: SecretBytes(copying: Array(password.utf8)), salt: salt, iterations: 4096)
  }

  @Test("takes RFC 7677's proof and gives its signature")
  func vector() throws {
    let proof = try #require(
      Hexadecimal.bytes(of: "747cdb65aa56224e2352137e52d7bdcad6a0f738df30782caa69a2cfb0277554"))
    let signature = try credential().serverSignature(answering: proof, authMessage: Self.authMessage)
    #expect(
      signature.map { Hexadecimal.text(of: $0) }
        == "eabae24d1062db75a9451ff0b6ea7e98c8546549ff741e672d3251b2397de46e")
    #expect(try credential("pencils").serverSignature(answering: proof, authMessage: Self.authMessage) == nil)
  }

  @Test("refuses a proof that is altered in any byte, cut or lengthened")
  func forged() throws {
    let proof = try #require(
      Hexadecimal.bytes(of: "747cdb65aa56224e2352137e52d7bdcad6a0f738df30782caa69a2cfb0277554"))
    let credential = try credential()
    for place in proof.indices {
      var forged = proof
      forged[place] ^= 1
      #expect(try credential.serverSignature(answering: forged, authMessage: Self.authMessage) == nil)
    }
    for forged in [[], Array(proof.dropLast()), proof + [0]] {
      #expect(try credential.serverSignature(answering: forged, authMessage: Self.authMessage) == nil)
    }
  }

  @Test("reads what it wrote, and nothing cut, longer, weaker or of another format")
  func encoding() throws {
    let salt = [UInt8](repeating: 7, count: ScramCredential.saltBytes)
    let made = try ScramCredential(password: SecretBytes(copying: Array("secret".utf8)), salt: salt)
    let bytes = made.encoded
    let read = try ScramCredential(encoded: bytes)
    #expect(read.encoded == bytes && read.iterations == 15_000 && read.salt == salt)
    for count in 0..<bytes.count {
      #expect(throws: SealingError.self) { try ScramCredential(encoded: Array(bytes.prefix(count))) }
    }
    #expect(throws: SealingError.self) { try ScramCredential(encoded: bytes + [0]) }
    #expect(throws: SealingError.self) { try ScramCredential(encoded: [2] + bytes.dropFirst()) }
    let weak = try ScramCredential(
      password: SecretBytes(copying: Array("secret".utf8)), salt: salt, iterations: 14_999)
    #expect(throws: SealingError.self) { try ScramCredential(encoded: weak.encoded) }
  }

  @Test("refuses an empty password")
  func empty() {
    #expect(throws: SealingError.self) { try ScramCredential(password: SecretBytes(copying: []), salt: [1]) }
  }

  @Test("makes the same credential for the same nobody, and another for each other one")
  func nobody() throws {
    let secret = [UInt8](repeating: 1, count: 32)
    let one = try ScramCredential(ofNobodyNamed: "shop.eve", secret: secret)
    #expect(try ScramCredential(ofNobodyNamed: "shop.eve", secret: secret).encoded == one.encoded)
    #expect(try ScramCredential(ofNobodyNamed: "shop.eva", secret: secret).salt != one.salt)
    #expect(try ScramCredential(ofNobodyNamed: "shop.eve", secret: [2]).salt != one.salt)
    #expect(one.salt.count == ScramCredential.saltBytes && one.iterations == ScramCredential.iterations)
  }

  @Test("prints nothing of itself")
  func silence() throws {
    let credential = try credential()
    #expect("\(credential)" == "SCRAM-SHA-256 credential")
    #expect(String(reflecting: credential) == "SCRAM-SHA-256 credential")
    #expect(Mirror(reflecting: credential).children.isEmpty)
  }
}
