// SPDX-License-Identifier: GPL-3.0-or-later
import Secrets
import Testing

@testable import Sealing

@Suite("A page opens only as it was sealed")
struct PageCipherTests {
  private func cipher() throws -> PageCipher { try PageCipher(key: SecretBytes.random(count: 32)) }

  @Test("opens what it sealed, of every size", arguments: [0, 1, 15, 16, 17, 4096, 8192, 32_768, 1 << 20])
  func roundTrip(count: Int) throws {
    let cipher = try cipher()
    let page = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let sealed = try cipher.seal(page, authenticating: [1, 2])
    #expect(sealed.count == count + PageCipher.overhead)
    #expect(try cipher.open(sealed, authenticating: [1, 2]) == page)
  }

  @Test("refuses a page with any bit turned over")
  func refusesFlips() throws {
    let cipher = try cipher()
    let sealed = try cipher.seal([UInt8](repeating: 9, count: 64), authenticating: [1])
    for position in sealed.indices {
      for bit in 0..<8 {
        var altered = sealed
        altered[position] ^= 1 << bit
        expect(.forged) { _ = try cipher.open(altered, authenticating: [1]) }
      }
    }
  }

  @Test("refuses a page cut or grown to any length")
  func refusesLengths() throws {
    let cipher = try cipher()
    let sealed = try cipher.seal([UInt8](repeating: 9, count: 64))
    for count in 0..<sealed.count { expect(.forged) { _ = try cipher.open(Array(sealed.prefix(count))) } }
    expect(.forged) { _ = try cipher.open(sealed + [0]) }
  }

  @Test("refuses another key's page and other associated data")
  func refusesOthers() throws {
    let cipher = try cipher()
    let sealed = try cipher.seal([1, 2, 3], authenticating: [1])
    let other = try self.cipher()
    expect(.forged) { _ = try other.open(sealed, authenticating: [1]) }
    expect(.forged) { _ = try cipher.open(sealed, authenticating: [2]) }
    expect(.forged) { _ = try cipher.open(sealed) }
  }

  @Test("leaves no plaintext of a forged page in the buffer")
  func wipesForged() throws {
    let cipher = try cipher()
    var sealed = try cipher.seal([UInt8](repeating: 0xA5, count: 4096))
    sealed[sealed.count - 1] ^= 1
    var target = [UInt8](repeating: 1, count: 4096)
    expect(.forged) {
      try unsafe target.withUnsafeMutableBytes { target in
        try unsafe sealed.withUnsafeBytes { sealed in
          _ = try unsafe cipher.open(sealed, authenticating: UnsafeRawBufferPointer(start: nil, count: 0), into: target)
        }
      }
    }
    #expect(target.allSatisfy { $0 == 0 })
  }

  @Test("refuses buffers and keys of the wrong size")
  func refusesSizes() throws {
    for count in [0, 16, 31, 33] {
      expect(.size) { _ = try PageCipher(key: SecretBytes(copying: [UInt8](repeating: 1, count: count))) }
    }
    let cipher = try cipher()
    let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    var short = [UInt8](repeating: 0, count: 10 + PageCipher.overhead - 1)
    expect(.size) {
      try unsafe short.withUnsafeMutableBytes { target in
        try unsafe [UInt8](repeating: 0, count: 10).withUnsafeBytes { page in
          _ = try unsafe cipher.seal(page, authenticating: nothing, into: target)
        }
      }
    }
    let sealed = try cipher.seal([UInt8](repeating: 0, count: 100))
    expect(.size) {
      try unsafe short.withUnsafeMutableBytes { target in
        try unsafe sealed.withUnsafeBytes { sealed in
          _ = try unsafe cipher.open(sealed, authenticating: nothing, into: target)
        }
      }
    }
  }

  @Test("never uses a nonce twice")
  func freshNonces() throws {
    let cipher = try cipher()
    let nonces = try (0..<1000).map { _ in Array(try cipher.seal([]).prefix(PageCipher.nonceBytes)) }
    #expect(Set(nonces).count == nonces.count)
  }

  @Test("frees its expanded copies at once, one in use when its call returns")
  func freesCopies() throws {
    let key = try SecretBytes.random(count: 32)
    weak var copy: PageContext?
    do {
      let context = try PageContext(key: key)
      copy = context
      #expect(copy != nil)
    }
    #expect(copy == nil)
  }

  @Test("seals and opens nothing after its key was taken away")
  func revokes() throws {
    let cipher = try cipher()
    let sealed = try cipher.seal([1, 2, 3])
    #expect(cipher.idleCopies == 1)
    cipher.revoke()
    #expect(cipher.idleCopies == 0)
    expect(.revoked) { _ = try cipher.seal([1]) }
    expect(.revoked) { _ = try cipher.open(sealed) }
    cipher.revoke()
  }

  @Test("serves many tasks at once, until the key is taken away")
  func concurrent() async throws {
    let cipher = try cipher()
    let outcomes = await withTaskGroup(of: Bool.self) { group in
      for number in 0..<16 {
        group.addTask {
          let page = [UInt8](repeating: UInt8(number), count: 3000 + number)
          do {
            for _ in 0..<200 where try cipher.open(cipher.seal(page)) != page { return false }
          } catch let error as SealingError { return error.code == .revoked } catch { return false }
          return true
        }
      }
      group.addTask {
        cipher.revoke()
        return true
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(outcomes.count == 17)
    #expect(cipher.idleCopies == 0)
    #expect(outcomes.allSatisfy { $0 })
  }
}

/// Expects a `SealingError` of this code.
func expect(_ code: SealingError.Code, at location: SourceLocation = #_sourceLocation, _ work: () throws -> Void) {
  let error = #expect(throws: SealingError.self, sourceLocation: location, performing: work)
  #expect(error?.code == code, sourceLocation: location)
}
