// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import ReplicationCore

@Suite("One process of a peer takes part")
struct PeerIncarnationTests {
  private let peer = MemberID(checked: "node-2")
  private let first = BootID.random()
  private let second = BootID.random()
  private let third = BootID.random()

  private func named(_ boot: BootID?, hearsCoordinator: Bool = true) -> PeerIncarnations {
    var rule = PeerIncarnations()
    rule.hearsCoordinator = hearsCoordinator
    rule.onNamed([(peer, boot)], now: .zero)
    return rule
  }

  @Test("the one that the coordinator names is heard, another one is not, however long the first is silent")
  func strict() {
    var rule = named(first)
    #expect(rule.onMessage(of: peer, boot: first, now: .seconds(1)) == .admitted)
    #expect(rule.onMessage(of: peer, boot: second, now: .seconds(1)) == .refused(isNews: true))
    #expect(rule.onMessage(of: peer, boot: second, now: .seconds(500)) == .refused(isNews: false))
    #expect(rule.onMessage(of: peer, boot: nil, now: .seconds(500)) == .refused(isNews: true))
  }

  @Test("one that was named instead of another is heard at once, and the other no more, coordinator or not")
  func replaced() {
    var rule = named(first)
    rule.onNamed([(peer, second)], now: .seconds(1))
    #expect(rule.onMessage(of: peer, boot: second, now: .seconds(1)) == .admitted)
    rule.hearsCoordinator = false
    #expect(rule.onMessage(of: peer, boot: first, now: .seconds(100)) == .refused(isNews: true))
    rule.onNamed([(peer, first)], now: .seconds(101))
    #expect(rule.onMessage(of: peer, boot: first, now: .seconds(101)) == .admitted)
    #expect(rule.onMessage(of: peer, boot: second, now: .seconds(200)) == .refused(isNews: true))
  }

  @Test("without the coordinator a restarted one is heard once the named one is silent, and gives way to it")
  func cutOff() {
    var rule = named(first, hearsCoordinator: false)
    #expect(rule.onMessage(of: peer, boot: first, now: .seconds(3)) == .admitted)
    #expect(rule.onMessage(of: peer, boot: second, now: .seconds(12)) == .refused(isNews: true))
    #expect(rule.onMessage(of: peer, boot: second, now: .seconds(13)) == .admitted)
    #expect(rule.onMessage(of: peer, boot: first, now: .seconds(14)) == .admitted)
    #expect(rule.onMessage(of: peer, boot: second, now: .seconds(15)) == .refused(isNews: false))
    rule.hearsCoordinator = true
    #expect(rule.onMessage(of: peer, boot: third, now: .seconds(60)) == .refused(isNews: true))
  }

  @Test("while the coordinator names none, any is heard; that takes no earlier word back")
  func unnamed() {
    var rule = named(nil)
    #expect(rule.onMessage(of: peer, boot: second, now: .zero) == .admitted)
    rule.onNamed([(peer, first)], now: .zero)
    rule.onNamed([(peer, nil)], now: .seconds(1))
    #expect(rule.onMessage(of: peer, boot: second, now: .seconds(1)) == .refused(isNews: true))
  }
}
