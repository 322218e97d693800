// SPDX-License-Identifier: GPL-3.0-or-later
import AllocationCounter
import Sealing
import Secrets
import Testing

@testable import EncryptedStore

@Suite("Memory the encryptor asks for")
struct AllocationTests {
  @Test("a block of WiredTiger's is sealed and opened without an allocation")
  func none() throws {
    let size = 8 << 10
    let key = PageKey(try PageCipher(key: SecretBytes.random(count: PageCipher.keyBytes)), keyID: "geography-1")
    let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    let sealed = UnsafeMutableRawBufferPointer.allocate(byteCount: size + PageKey.expansion, alignment: 64)
    defer {
      unsafe plain.deallocate()
      unsafe sealed.deallocate()
    }
    unsafe plain.initializeMemory(as: UInt8.self, repeating: 1)
    func block() -> Bool {
      var written = 0
      guard unsafe key.seal(UnsafeRawBufferPointer(plain), into: sealed, written: &written) == 0 else { return false }
      return unsafe key.open(UnsafeRawBufferPointer(sealed), into: plain, written: &written) == 0 && written == size
    }
    // The first block makes what the thread keeps, the random generator of libcrypto above all.
    #expect(block())
    let before = kf_allocations()
    var opened = 0
    for _ in 0..<100 where block() { opened += 1 }
    #expect(kf_allocations() - before == 0)
    #expect(opened == 100)
  }
}
