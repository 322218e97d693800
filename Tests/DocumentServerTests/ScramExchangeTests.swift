// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Secrets
import Sealing
import Testing

@testable import DocumentServer

@Suite("A SCRAM exchange goes as RFC 7677 prints it, and no other way")
struct ScramExchangeTests {
  private static func published(skipping: Bool = false) throws -> (ScramExchange, [UInt8]) {
    let salt = Array(try #require(Data(base64Encoded: "W22ZaJ0SNY7soEsUEjb6gQ==")))
    let credential = try ScramCredential(
      password: SecretBytes(copying: Array("pencil".utf8)), salt: salt, iterations: 4096)
    let first = try ScramClientFirst(Array("n,,n=user,r=rOprNGfwEbeRWgbNEkqO".utf8))
    let (exchange, message) = ScramExchange.begin(
      first, credential: credential, serverNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", skipsEmptyMessage: skipping)
    return (exchange, message)
  }

  static let final = Array(
    ("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").utf8)

  @Test("speaks the published exchange to the letter", arguments: [true, false])
  func vector(skipping: Bool) throws {
    var (exchange, message) = try Self.published(skipping: skipping)
    #expect(
      String(decoding: message, as: UTF8.self)
        == "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    let answer = try exchange.onMessage(Self.final)
    #expect(String(decoding: answer.message, as: UTF8.self) == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    #expect(answer.isDone == skipping)
    if skipping {
      #expect(throws: ScramExchange.Refusal.self) { try exchange.onMessage([]) }
    } else {
      let end = try exchange.onMessage([])
      #expect(end.isDone && end.message.isEmpty)
      #expect(throws: ScramExchange.Refusal.self) { try exchange.onMessage([]) }
    }
  }

  @Test(
    "ends at the first message that is not right",
    arguments: [
      "", "c=biws", "c=biws,r=rOprNGfwEbeRWgbNEkqO,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
      "c=eSws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=*",
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,x=1,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ])
  func refusals(_ message: String) throws {
    var (exchange, _) = try Self.published()
    #expect(throws: ScramExchange.Refusal.self) { try exchange.onMessage(Array(message.utf8)) }
    #expect(throws: ScramExchange.Refusal.self) { try exchange.onMessage(Self.final) }
  }

  @Test("reads names as they are escaped, and headers of clients that could bind channels")
  func firstMessages() throws {
    let first = try ScramClientFirst(Array("y,,n=a=2Cb=3D=3Dc,r=x".utf8))
    #expect(first.user == "a,b==c" && first.header == "y,," && first.bare == "n=a=2Cb=3D=3Dc,r=x")
    #expect(try ScramClientFirst(Array("n,a=me,n=me,r=x".utf8)).header == "n,a=me,")
  }

  @Test(
    "refuses first messages that are none, or ask for more",
    arguments: [
      "", "n", "n,,", "n,,n=,r=x", "n,,n=user", "n,,n=user,r=", "p=tls-unique,,n=user,r=x", "n,a=root,n=user,r=x",
      "n,,m=ext,n=user,r=x", "n,,n=us=er,r=x", "n,,n=user=2,r=x", "n,,n=user=2c,r=x", "n,,r=x,n=user",
      "n,,n=user,r=\0", "n,,n=" + String(repeating: "u", count: 2_000) + ",r=x",
    ])
  func hostileFirst(_ message: String) {
    #expect(throws: ScramSyntaxError.self) { try ScramClientFirst(Array(message.utf8)) }
  }

  @Test("survives any bytes")
  func garbage() throws {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2_000 {
      let bytes = (0..<Int.random(in: 0..<60, using: &generator)).map { _ in UInt8.random(in: 0...127) }
      _ = try? ScramClientFirst(bytes)
      var (exchange, _) = try Self.published()
      #expect(throws: (any Error).self) { try exchange.onMessage(bytes) }
    }
  }
}
