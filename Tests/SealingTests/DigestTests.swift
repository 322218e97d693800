// SPDX-License-Identifier: GPL-3.0-or-later
import Secrets
import Testing

@testable import Sealing

@Suite("Digests, codes and derived keys are those of their standards")
struct DigestTests {
  @Test("hashes as FIPS 180-4 does")
  func sha256() throws {
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    #expect(Hexadecimal.text(of: try MessageAuthentication.sha256(Array("abc".utf8))) == expected)
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    #expect(Hexadecimal.text(of: try MessageAuthentication.sha256([])) == empty)
  }

  @Test("authenticates as RFC 4231 does, whatever the key lies in")
  func hmac() throws {
    let key = Array("Jefe".utf8)
    let message = Array("what do ya want for nothing?".utf8)
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    #expect(Hexadecimal.text(of: try MessageAuthentication.hmacSHA256(key: key, message)) == expected)
    let secret = try SecretBytes(copying: key)
    #expect(Hexadecimal.text(of: try MessageAuthentication.hmacSHA256(key: secret, message)) == expected)
    let derived = try MessageAuthentication.secretHMACSHA256(key: secret, message)
    #expect(Hexadecimal.text(of: derived.unprotectedCopy()) == expected)
    #expect(try MessageAuthentication.hmacSHA256(key: [], []).count == 32)
  }

  @Test("derives as RFC 5869 expands (test case 1, first block)")
  func hkdf() throws {
    let hex = "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    let key = try SecretBytes(copying: #require(Hexadecimal.bytes(of: hex)))
    let derived = try KeyDerivation.subkey(of: key, information: Array(0xF0...0xF9))
    let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    #expect(Hexadecimal.text(of: derived.unprotectedCopy()) == expected)
  }

  @Test("derives another key for another label")
  func labels() throws {
    let key = try SecretBytes.random(count: 32)
    let one = try KeyDerivation.subkey(of: key, label: "one")
    let two = try KeyDerivation.subkey(of: key, label: "two")
    let again = try KeyDerivation.subkey(of: key, label: "one")
    let different1 = !one.isEqual(to: two)
    #expect(different1)
    let same2 = one.isEqual(to: again)
    #expect(same2)
  }

  @Test("knows a key again by its check value, which is stored as text")
  func checkValue() throws {
    let key = try SecretBytes(copying: [UInt8](repeating: 1, count: 32))
    let value = try KeyCheckValue(of: key)
    #expect(value.bytes.count == 16)
    #expect(KeyCheckValue(text: value.text) == value)
    #expect(try KeyCheckValue(of: SecretBytes.random(count: 32)) != value)
    #expect(KeyCheckValue(text: "12") == nil && KeyCheckValue(text: "") == nil && KeyCheckValue(bytes: []) == nil)
  }

  @Test("compares codes by content")
  func compares() {
    #expect(MessageAuthentication.isEqual([1, 2], [1, 2]))
    #expect(!MessageAuthentication.isEqual([1, 2], [1, 3]))
    #expect(!MessageAuthentication.isEqual([1, 2], [1]))
    #expect(MessageAuthentication.isEqual([], []))
  }

  @Test("reads hexadecimal digits and nothing else")
  func hexadecimal() {
    #expect(Hexadecimal.text(of: [0, 0x0F, 0xA5, 0xFF]) == "000fa5ff")
    #expect(Hexadecimal.bytes(of: "000Fa5fF") == [0, 0x0F, 0xA5, 0xFF])
    for text in ["0", "0g", " 00", "0x00", "é0"] { #expect(Hexadecimal.bytes(of: text) == nil) }
  }
}

@Suite("A sealed box gives its secret to the same root key and context only")
struct SealedBoxTests {
  @Test("opens what it sealed", arguments: [0, 1, 40, SealedBox.maximumBytes])
  func roundTrip(count: Int) throws {
    let root = try SecretBytes.random(count: 32)
    let secret = try SecretBytes.random(count: count)
    let box = try SealedBox.seal(secret, under: root, context: [1])
    let same3 = try SealedBox.open(box, under: root, context: [1]).isEqual(to: secret)
    #expect(same3)
  }

  @Test("refuses another root key, another context and every change")
  func refuses() throws {
    let root = try SecretBytes.random(count: 32)
    let box = try SealedBox.seal(SecretBytes.random(count: 20), under: root, context: [1])
    expect(.forged) { _ = try SealedBox.open(box, under: SecretBytes.random(count: 32), context: [1]) }
    expect(.forged) { _ = try SealedBox.open(box, under: root, context: [2]) }
    for position in box.indices {
      var altered = box
      altered[position] ^= 0x40
      #expect(throws: SealingError.self) { _ = try SealedBox.open(altered, under: root, context: [1]) }
      #expect(throws: SealingError.self) {
        _ = try SealedBox.open(Array(box.prefix(position)), under: root, context: [1])
      }
    }
    expect(.futureFormat) { _ = try SealedBox.open([2] + box.dropFirst(), under: root, context: [1]) }
  }

  @Test("refuses secrets that are none by their size")
  func refusesLarge() throws {
    let large = try SecretBytes(copying: [UInt8](repeating: 1, count: SealedBox.maximumBytes + 1))
    expect(.size) { _ = try SealedBox.seal(large, under: SecretBytes.random(count: 32), context: []) }
  }
}
