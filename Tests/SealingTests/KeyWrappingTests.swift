// SPDX-License-Identifier: GPL-3.0-or-later
import Secrets
import Testing

@testable import Sealing

@Suite("A wrapped key tells a wrong key from a corrupt blob")
struct KeyWrappingTests {
  private let parent: Secret
  private let key: Secret

  init() throws {
    parent = Secret(try .random(count: 32))
    key = Secret(try .random(count: 32))
  }

  private func wrap(context: [UInt8] = [1, 2]) throws -> WrappedKey {
    let wrapping = try parent.withSecret { parent in try KeyWrapping(parent: parent, id: "parent") }
    return try key.withSecret { key in
      try wrapping.wrap(key, id: "shop.1", createdAtMilliseconds: 1234, context: context)
    }
  }

  private func unwrap(_ wrapped: WrappedKey, context: [UInt8] = [1, 2]) throws -> Secret {
    let wrapping = try parent.withSecret { parent in try KeyWrapping(parent: parent, id: "parent") }
    return Secret(try wrapping.unwrap(wrapped, context: context))
  }

  @Test("unwraps what it wrapped, also after encoding")
  func roundTrip() throws {
    let wrapped = try wrap()
    let decoded = try WrappedKey(decoding: wrapped.encoded)
    #expect(decoded == wrapped)
    #expect(decoded.keyID == "shop.1" && decoded.parentKeyID == "parent" && decoded.createdAtMilliseconds == 1234)
    #expect(try unwrap(decoded).isEqual(to: key))
  }

  @Test("says wrong key, not corrupt, if another key wrapped it")
  func wrongKey() throws {
    let wrapped = try wrap()
    let other = try KeyWrapping(parent: SecretBytes.random(count: 32), id: "parent")
    expect(.wrongKey) { _ = try other.unwrap(wrapped, context: [1, 2]) }
    let renamed = try parent.withSecret { parent in try KeyWrapping(parent: parent, id: "other") }
    expect(.wrongKey) { _ = try renamed.unwrap(wrapped, context: [1, 2]) }
  }

  @Test("says corrupt if any bit of the blob turned over, or a byte is missing or too many")
  func corrupt() throws {
    let blob = try wrap().encoded
    for position in blob.indices {
      for bit in 0..<8 {
        var altered = blob
        altered[position] ^= 1 << bit
        expect(.malformed) { _ = try WrappedKey(decoding: altered) }
      }
    }
    for count in blob.indices { expect(.malformed) { _ = try WrappedKey(decoding: Array(blob.prefix(count))) } }
    expect(.malformed) { _ = try WrappedKey(decoding: blob + [0]) }
  }

  @Test("authenticates every field: whoever repairs the checksum after a change gains nothing")
  func authenticates() throws {
    let body = Array(try wrap().encoded.dropLast(WrappedKey.checksumBytes))
    for position in body.indices {
      var altered = body
      altered[position] ^= 1
      let repaired = altered + (try MessageAuthentication.sha256(altered)).prefix(WrappedKey.checksumBytes)
      #expect(throws: SealingError.self) { _ = try unwrap(WrappedKey(decoding: repaired)) }
    }
  }

  @Test("is bound to the caller's context")
  func bound() throws {
    let wrapped = try wrap()
    expect(.forged) { _ = try unwrap(wrapped, context: [1, 3]) }
    expect(.forged) { _ = try unwrap(wrapped, context: []) }
  }

  @Test("refuses a format of the future by name")
  func future() throws {
    var body = Array(try wrap().encoded.dropLast(WrappedKey.checksumBytes))
    body[0] = 2
    let blob = body + (try MessageAuthentication.sha256(body)).prefix(WrappedKey.checksumBytes)
    expect(.futureFormat) { _ = try WrappedKey(decoding: blob) }
  }

  @Test("refuses ids and keys of impossible size")
  func sizes() throws {
    let wrapping = try parent.withSecret { parent in try KeyWrapping(parent: parent, id: "parent") }
    for id in ["", String(repeating: "x", count: 256)] {
      expect(.size) {
        _ = try wrapping.wrap(SecretBytes.random(count: 32), id: id, createdAtMilliseconds: 0, context: [])
      }
    }
    expect(.size) {
      _ = try wrapping.wrap(SecretBytes.random(count: 31), id: "x", createdAtMilliseconds: 0, context: [])
    }
    expect(.size) { _ = try KeyWrapping(parent: SecretBytes.random(count: 16), id: "x") }
  }
}
