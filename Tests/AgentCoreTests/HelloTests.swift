// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import AgentCore

@Suite("A node whose hello was lost")
struct HelloTests {
  @Test("says it again when the coordinator does not know its link, once for all messages that were answered so")
  func saysHelloAgain() {
    var life = Life.serving()
    #expect(life.core.onUnknownLink(now: 0) == [.hello])
    #expect(life.core.onUnknownLink(now: 1).isEmpty)
    #expect(life.core.onUnknownLink(now: AgentCore.helloPause - 1).isEmpty)
    #expect(life.core.onUnknownLink(now: AgentCore.helloPause) == [.hello])
    #expect(life.core.isServing)
  }
}
