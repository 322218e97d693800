// SPDX-License-Identifier: GPL-3.0-or-later
import AllocationCounter
import Sealing
import Secrets
import Testing

@Suite("Memory asked for by a page")
struct AllocationTests {
  @Test("a page is sealed and opened without an allocation", arguments: [1, 8 << 10, 32 << 10])
  func none(size: Int) throws {
    let pages = 100
    let cipher = try PageCipher(key: SecretBytes.random(count: PageCipher.keyBytes))
    let plain = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 64)
    let sealed = UnsafeMutableRawBufferPointer.allocate(byteCount: size + PageCipher.overhead, alignment: 64)
    defer {
      unsafe plain.deallocate()
      unsafe sealed.deallocate()
    }
    unsafe plain.initializeMemory(as: UInt8.self, repeating: 1)
    let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
    func page() throws {
      try unsafe cipher.seal(UnsafeRawBufferPointer(plain), authenticating: nothing, into: sealed)
      _ = try unsafe cipher.open(UnsafeRawBufferPointer(sealed), authenticating: nothing, into: plain)
    }
    // The first page makes what the thread keeps, the random generator of libcrypto above all.
    try page()
    let before = kf_allocations()
    for _ in 0..<pages { try page() }
    #expect(kf_allocations() - before == 0)
  }

  @Test("the counter counts")
  func counts() {
    let before = kf_allocations()
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
    unsafe block.deallocate()
    #expect(kf_allocations() - before == 1)
  }
}
