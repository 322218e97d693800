// SPDX-License-Identifier: GPL-3.0-or-later
import KeyManagement
import Testing

@testable import AgentRuntime

@Suite("A failed check is told in words that do not change")
struct NodeKeysTests {
  @Test("names kind and detail, and not the request")
  func stable() {
    let reasons = ["1", "2"].map { id in
      NodeKeys.reason(
        KMSError(.corruptBlob, operation: .unwrap, keyID: "k", requestID: id, detail: "the stored key is damaged"))
    }
    #expect(Set(reasons) == ["the stored master key can't be unwrapped (corruptBlob): the stored key is damaged"])
  }
}
