// SPDX-License-Identifier: GPL-3.0-or-later

import Secrets
import Testing

@testable import KeyManagement

@Suite("AWS Signature Version 4 against published vectors")
struct SignatureTests {
  /// The credentials of AWS's own test suite (aws-sig-v4-test-suite).
  private static func exampleSecret() throws -> Secret {
    Secret(try SecretBytes(copying: Array("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".utf8)))
  }

  private let scope = SignatureScope(date: "20150830", region: "us-east-1", service: "service")

  struct Vector: Sendable {
    let name: String
    let method: String
    let path: String
    let query: String
    let headers: [(name: String, value: String)]
    let body: String
    let signature: String
  }

  static let date = (name: "X-Amz-Date", value: "20150830T123600Z")
  static let host = (name: "Host", value: "example.amazonaws.com")

  /// aws-sig-v4-test-suite: name.req and the signature in name.authz.
  static let vectors: [Vector] = [
    Vector(
      name: "get-vanilla", method: "GET", path: "/", query: "", headers: [host, date], body: "",
      signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    Vector(
      name: "post-vanilla", method: "POST", path: "/", query: "", headers: [host, date], body: "",
      signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    Vector(
      name: "get-vanilla-query-order-key-case", method: "GET", path: "/", query: "Param2=value2&Param1=value1",
      headers: [host, date], body: "",
      signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
    Vector(
      name: "post-header-key-sort", method: "POST", path: "/", query: "",
      headers: [host, (name: "My-Header1", value: "value1"), date], body: "",
      signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
    Vector(
      name: "get-header-value-trim", method: "GET", path: "/", query: "",
      headers: [
        host, (name: "My-Header1", value: " value1"), (name: "My-Header2", value: " \"a   b   c\""), date,
      ], body: "",
      signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
    Vector(
      name: "post-x-www-form-urlencoded", method: "POST", path: "/", query: "",
      headers: [(name: "Content-Type", value: "application/x-www-form-urlencoded"), host, date],
      body: "Param1=value1",
      signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
  ]

  @Test("signs as the suite does", arguments: vectors.indices)
  func vector(index: Int) throws {
    let vector = Self.vectors[index]
    let time = try #require(CivilTime(basic: "20150830T123600Z"))
    let request = SignableRequest(
      method: vector.method, path: vector.path, query: vector.query, headers: vector.headers,
      payloadHash: Hexadecimal.text(SigningHash.sha256(vector.body)))
    let signature = try AWSSignature.sign(request, time: time, scope: scope, secret: try Self.exampleSecret())
    #expect(signature == vector.signature, "\(vector.name)")
  }

  @Test("hashes as FIPS 180-4 and RFC 4231 say")
  func hashes() throws {
    #expect(
      Hexadecimal.text(SigningHash.sha256("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      Hexadecimal.text(SigningHash.sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    let key = try SecretBytes(copying: Array("Jefe".utf8))
    let mac = try SigningHash.hmac(key: key, "what do ya want for nothing?").unprotectedCopy()
    #expect(Hexadecimal.text(mac) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
  }
}
