// SPDX-License-Identifier: GPL-3.0-or-later
import CCrypto
import Testing

@testable import Secrets

@Suite("Secret bytes live in locked memory and are gone when their owner is")
struct SecretBytesTests {
  @Test("keeps exactly the bytes it was given", arguments: [0, 1, 15, 16, 31, 32, 33, 4096, 65_536])
  func keepsBytes(count: Int) throws {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let secret = try SecretBytes(copying: bytes)
    #expect(secret.count == count)
    #expect(secret.unprotectedCopy() == bytes)
  }

  @Test("lies in OpenSSL's secure heap")
  func liesInSecureHeap() throws {
    let secret = try SecretBytes.random(count: 32)
    let inside = secret.withBytes { bytes in
      unsafe bytes.withUnsafeBytes { unsafe CRYPTO_secure_allocated($0.baseAddress) }
    }
    #expect(inside == 1)
  }

  @Test("wipes every byte when the owner lets go")
  func wipes() async {
    // In a process of its own: beside other tests the freed memory would be somebody else's at once.
    await #expect(processExitsWith: .success) {
      for count in [32, 81, 4096, 65_536] {
        let marked = [UInt8](repeating: 0xA5, count: count)
        var place: UInt = 0
        do {
          let secret = try SecretBytes(copying: marked)
          place = secret.withBytes { bytes in unsafe bytes.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
          #expect(unsafe bytes(at: place, count) == marked)
        }
        // The heap stays mapped; it keeps two pointers of its free list in the first 16 bytes.
        let left = unsafe bytes(at: place + 16, count - 16)
        #expect(left.allSatisfy { $0 == 0 })
      }
    }
  }

  @Test("gives its memory back also when the filler fails")
  func givesBack() throws {
    try SecureHeap.initialize()
    // 8 MiB in all: more than the heap has, so a leak would end in heapExhausted.
    for _ in 0..<512 {
      let error = #expect(throws: SecretsError.self) {
        _ = try SecretBytes(capacity: 16_384) { (_) throws(SecretsError) in
          throw SecretsError(.fileEmpty, "nothing to fill in")
        }
      }
      #expect(error?.code == .fileEmpty)
    }
  }

  @Test("refuses more than the heap has room for, and goes on")
  func refusesTooMuch() throws {
    let error = #expect(throws: SecretsError.self) { _ = try SecretBytes(capacity: 1 << 29) { _ in } }
    #expect(error?.code == .heapExhausted)
    #expect(try SecretBytes.random(count: 32).count == 32)
  }

  @Test("keeps no more than was filled in")
  func keepsFilled() throws {
    let secret = try SecretBytes(capacity: 100) { span in
      span.append(7)
      span.append(8)
    }
    #expect(secret.unprotectedCopy() == [7, 8])
  }

  @Test("compares by content")
  func compares() throws {
    let secret = try SecretBytes(copying: [1, 2, 3])
    let same = try secret.duplicate()
    let other = try SecretBytes(copying: [1, 2, 4])
    let longer = try SecretBytes(copying: [1, 2, 3, 0])
    let same1 = secret.isEqual(to: same)
    #expect(same1)
    let different2 = !secret.isEqual(to: other)
    #expect(different2)
    let different3 = !secret.isEqual(to: longer)
    #expect(different3)
    let shared = Secret(try secret.duplicate())
    #expect(shared.isEqual(to: Secret(try same.duplicate())))
  }

  @Test("draws different random bytes each time")
  func drawsRandom() throws {
    let first = try SecretBytes.random(count: 32)
    let second = try SecretBytes.random(count: 32)
    let different4 = !first.isEqual(to: second)
    #expect(different4)
    #expect(first.unprotectedCopy() != [UInt8](repeating: 0, count: 32))
  }

  @Test("holds ten thousand keys and another ten thousand in ciphers in the default heap")
  func holdsManyKeys() throws {
    let keys = try (0..<20_000).map { _ in Secret(try SecretBytes.random(count: 32)) }
    #expect(keys.count == 20_000)
  }

  @Test("empties an array it wipes")
  func wipesArrays() {
    var bytes: [UInt8] = [1, 2, 3]
    SecretBytes.wipe(&bytes)
    #expect(bytes.isEmpty)
    SecretBytes.wipe(&bytes)
  }
}

@unsafe private func bytes(at place: UInt, _ count: Int) -> [UInt8] {
  unsafe Array(UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: place), count: count))
}

@Suite("The secure heap is made once and only locked")
struct SecureHeapTests {
  @Test("may be initialised twice, and refuses to grow")
  func initialisesOnce() throws {
    try SecureHeap.initialize()
    try SecureHeap.initialize()
    let error = #expect(throws: SecretsError.self) { try SecureHeap.initialize(bytes: SecureHeap.defaultBytes * 2) }
    #expect(error?.code == .heapTooSmall)
  }

  @Test("refuses sizes without sense", arguments: [-1, 0, 100, Int.max])
  func refusesSizes(bytes: Int) {
    #expect(throws: SecretsError.self) { try SecureHeap.initialize(bytes: bytes) }
  }

  @Test("refuses memory that can't be locked, then and later")
  func refusesUnlocked() async {
    await #expect(processExitsWith: .success) {
      limitLockedMemory()
      let error = #expect(throws: SecretsError.self) { try SecureHeap.initialize() }
      #expect(error?.code == .heapNotLocked)
      let second = #expect(throws: SecretsError.self) { _ = try SecretBytes.random(count: 32) }
      #expect(second?.code == .heapNotLocked)
    }
  }

  @Test("takes unlocked memory if told so")
  func takesUnlocked() async {
    await #expect(processExitsWith: .success) {
      limitLockedMemory()
      try SecureHeap.initialize(allowingUnlocked: true)
      #expect(try SecretBytes.random(count: 32).count == 32)
    }
  }
}
