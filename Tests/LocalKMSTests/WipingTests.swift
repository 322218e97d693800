// SPDX-License-Identifier: GPL-3.0-or-later
import NIOCore
import Testing

@testable import LocalKMS

@Suite("An answer's body is overwritten for all who hold it")
struct WipingTests {
  @Test("wipes the storage that others share, and nothing of an empty buffer")
  func shared() {
    let body = ByteBuffer(string: "plaintext of a data key")
    let held = body
    LocalKMSHandler.wipe(body)
    #expect(held.readableBytes == 23)
    #expect(held.readableBytesView.allSatisfy { $0 == 0 })
    LocalKMSHandler.wipe(ByteBuffer())
  }
}
