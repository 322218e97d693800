// SPDX-License-Identifier: GPL-3.0-or-later
import CCrypto
import Secrets
import Testing

@testable import Sealing

@Suite("XAES-256-GCM gives what C2SP published")
struct PublishedVectors {
  private static let nonce = Array("ABCDEFGHIJKLMNOPQRSTUVWX".utf8)
  private static let plaintext = Array("XAES-256-GCM".utf8)

  // The two keys take the two branches of CMAC's subkey: with and without the reduction.
  @Test(
    "seals and opens the two single vectors",
    arguments: [
      (UInt8(1), "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
      (UInt8(3), "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
    ])
  func singleVectors(keyByte: UInt8, associated: String, expected: String) throws {
    let cipher = try PageCipher(key: SecretBytes(copying: [UInt8](repeating: keyByte, count: 32)))
    let sealed = try cipher.seal(Self.plaintext, authenticating: Array(associated.utf8), nonce: Self.nonce)
    #expect(Array(sealed.prefix(24)) == Self.nonce)
    #expect(Hexadecimal.text(of: Array(sealed.dropFirst(24))) == expected)
    #expect(try cipher.open(sealed, authenticating: Array(associated.utf8)) == Self.plaintext)
  }

  @Test(
    "seals and opens the accumulated vectors",
    arguments: [
      (10_000, "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"),
      (1_000_000, "2163ae1445985a30b60585ee67daa55674df06901b890593e824b8a7c885ab15"),
    ])
  func accumulated(iterations: Int, expected: String) throws {
    let accumulation = try Accumulation(iterations: iterations)
    try accumulation.run()
    #expect(Hexadecimal.text(of: accumulation.result) == expected)
  }
}

/// Random keys, nonces, plaintexts and associated data from one SHAKE128; all ciphertexts into another.
@safe private final class Accumulation {
  private let iterations: Int
  private let source: [UInt8]
  private var position = 0
  private let digest: OpaquePointer
  private(set) var result: [UInt8] = []

  init(iterations: Int) throws {
    self.iterations = iterations
    // OpenSSL 3.0 squeezes once only: all that could be asked for, in one piece.
    var source = [UInt8](repeating: 0, count: iterations * (32 + 24 + 2 + 2 * 128) + 1_000_000)
    let first = try unsafe Self.shake()
    let done = unsafe EVP_DigestFinalXOF(first, &source, source.count)
    try #require(done == 1)
    unsafe EVP_MD_CTX_free(first)
    self.source = source
    unsafe self.digest = try Self.shake()
  }

  deinit { unsafe EVP_MD_CTX_free(digest) }

  private static func shake() throws -> OpaquePointer {
    let context = unsafe EVP_MD_CTX_new()
    let done = unsafe EVP_DigestInit_ex(context, EVP_shake128(), nil)
    try #require(done == 1)
    guard let context = unsafe context else { throw SealingError(.library, "no digest") }
    return unsafe context
  }

  private func next(_ count: Int) -> [UInt8] {
    defer { position += count }
    return Array(source[position..<position + count])
  }

  func run() throws {
    for _ in 0..<iterations {
      let cipher = try PageCipher(key: SecretBytes(copying: next(32)))
      let nonce = next(24)
      let plaintext = next(Int(next(1)[0]))
      let associated = next(Int(next(1)[0]))
      let sealed = try cipher.seal(plaintext, authenticating: associated, nonce: nonce)
      // No #expect here: a million of them take longer than the cipher.
      if try cipher.open(sealed, authenticating: associated) != plaintext { Issue.record("opened to something else") }
      let done = unsafe sealed.withUnsafeBytes {
        unsafe EVP_DigestUpdate(digest, $0.baseAddress?.advanced(by: 24), $0.count - 24)
      }
      if done != 1 { Issue.record("OpenSSL can't digest") }
    }
    result = [UInt8](repeating: 0, count: 32)
    let done = unsafe EVP_DigestFinalXOF(digest, &result, 32)
    try #require(done == 1)
  }
}
