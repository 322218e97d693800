// SPDX-License-Identifier: GPL-3.0-or-later
internal import Sealing

/// The server's side of one SCRAM-SHA-256 login (RFC 5802, RFC 7677) as a value: no clock, no randomness, no I/O.
///
/// `onFirst` answers the challenge; `onFinal` checks the proof; without MongoDB's `skipEmptyExchange` an empty message
/// of the client ends it. Any error ends it too.
struct ScramExchange: Sendable {
  enum State: Sendable {
    /// The challenge is out, the proof is awaited. Leads to `signed` or to `ended`.
    case challenged(Challenge)
    /// The proof fitted and the signature is out; the empty message is awaited. Leads to `ended`.
    case signed
    case ended
  }

  struct Challenge: Sendable {
    let header: [UInt8]
    let nonce: String
    let credential: ScramCredential
    /// Both sides' messages so far, with a comma at the end: the beginning of what is signed.
    let signedSoFar: String
  }

  /// How an exchange that went as the protocol wants it did not succeed.
  enum Refusal: Error {
    case malformed(String)
    case wrongProof
  }

  private(set) var state: State
  private let skipsEmptyMessage: Bool

  /// Takes the client's first message and makes the server's; `serverNonce` is fresh, random and printable.
  static func begin(
    _ first: ScramClientFirst, credential: ScramCredential, serverNonce: String, skipsEmptyMessage: Bool
  ) -> (exchange: ScramExchange, message: [UInt8]) {
    let nonce = first.nonce + serverNonce
    let message = "r=\(nonce),s=\(Base64Text.of(credential.salt)),i=\(credential.iterations)"
    let challenge = Challenge(
      header: Array(first.header.utf8), nonce: nonce, credential: credential,
      signedSoFar: "\(first.bare),\(message),")
    return (
      ScramExchange(state: .challenged(challenge), skipsEmptyMessage: skipsEmptyMessage), Array(message.utf8)
    )
  }

  /// Takes the client's next message; answers the server's and whether the client is who it says.
  mutating func onMessage(_ payload: [UInt8]) throws -> (message: [UInt8], isDone: Bool) {
    let before = state
    state = .ended
    switch before {
    case .challenged(let challenge):
      let signature = try Self.check(payload, challenge)
      if !skipsEmptyMessage { state = .signed }
      return (Array("v=\(Base64Text.of(signature))".utf8), skipsEmptyMessage)
    case .signed:
      guard payload.isEmpty else { throw Refusal.malformed("the last message has to be empty") }
      return ([], true)
    case .ended: throw Refusal.malformed("the exchange is over")
    }
  }

  private static func check(_ payload: [UInt8], _ challenge: Challenge) throws -> [UInt8] {
    let final: ScramClientFinal
    do throws(ScramSyntaxError) { final = try ScramClientFinal(payload) } catch {
      throw Refusal.malformed(error.description)
    }
    guard final.header == challenge.header, final.nonce == challenge.nonce else {
      throw Refusal.malformed("the header or the nonce is not that of the first message")
    }
    let signed = Array((challenge.signedSoFar + final.withoutProof).utf8)
    guard let signature = try challenge.credential.serverSignature(answering: final.proof, authMessage: signed) else {
      throw Refusal.wrongProof
    }
    return signature
  }
}
