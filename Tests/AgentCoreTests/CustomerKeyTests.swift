// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import AgentCore

@Suite("A node's master key under another customer key") struct CustomerKeyTests {
  private static let other = KMSSettings(provider: .aws, keyID: "arn-2", region: "r", accessKeyID: "a")

  private static var assignment: NodeAssignment {
    var assignment = Life.assignment(version: 2, settings: 2)
    assignment.formerKMS = assignment.kms.map { [FormerKMS(settings: $0, settingsVersion: 1)] }
    assignment.kms = other
    return assignment
  }

  private static let action = NodeAction.rewrapMasterKey(expecting: Life.generation, settingsVersion: 2)

  @Test("is not begun before the settings it is for are in force here, nor for another generation")
  func tooEarly() {
    var life = Life.serving()
    if case .failed = life.command(Self.action).outcome {} else { Issue.record("it was begun") }
    _ = life.core.onAssignment(Self.assignment, now: 0)
    let foreign = NodeAction.rewrapMasterKey(expecting: .random(), settingsVersion: 2)
    if case .refused = life.command(foreign).outcome {} else { Issue.record("another generation's was begun") }
    if case .failed = life.command(.rewrapMasterKey(expecting: Life.generation, settingsVersion: 3)).outcome {
    } else {
      Issue.record("it was begun for settings that are not there")
    }
  }

  @Test("is done once, and answered as done from then on")
  func once() {
    var life = Life.serving()
    #expect(life.core.onAssignment(Self.assignment, now: 0).contains(.check(scheduled: false)))
    let id = CommandID.random()
    #expect(life.command(Self.action, id: id).contains(.rewrapMasterKey(id, settingsVersion: 2)))
    #expect(life.command(Self.action, id: id).outcome == .accepted)
    var moved = Life.report(encrypted: true)
    moved.customerKeyID = "arn-2"
    moved.keystoreVersion = 2
    _ = life.core.onWorkFinished(id, outcome: .done, generation: moved, now: 0)
    #expect(life.command(Self.action).outcome == .done)
    #expect(life.core.generation?.masterKeyID == Life.masterKey)
  }

  @Test("is kept only if its settings are in force still: whoever hears of newer ones lets go of these")
  func replaced() {
    var life = Life.serving()
    #expect(life.core.isInForce(settingsVersion: 1))
    _ = life.core.onAssignment(Self.assignment, now: 0)
    #expect(!life.core.isInForce(settingsVersion: 1) && life.core.isInForce(settingsVersion: 2))
    var taken = Life.assignment(version: 3, settings: 2)
    taken.kms = nil
    _ = life.core.onAssignment(taken, now: 0)
    #expect(!life.core.isInForce(settingsVersion: 2))
  }

  @Test("waits until the node serves")
  func closed() {
    var life = Life()
    _ = life.core.onAssignment(Self.assignment, now: 0)
    if case .failed = life.command(Self.action).outcome {} else { Issue.record("it was begun") }
  }

  @Test("counts checks under the former settings while they are needed, and drops them afterwards")
  func formerChecks() {
    var life = Life.serving()
    _ = life.core.onAssignment(Self.assignment, now: 0)
    let former = Life.check(.revoked(.keyDisabled, detail: "off"), at: 5, settings: 1)
    _ = life.core.onCheck(former, scheduled: false, now: 0)
    #expect(life.core.lastCheck == former)
    var later = Self.assignment
    (later.version, later.formerKMS) = (3, nil)
    _ = life.core.onAssignment(later, now: 0)
    _ = life.core.onCheck(Life.check(.valid, at: 9, settings: 1), scheduled: false, now: 0)
    #expect(life.core.lastCheck == former)
  }
}
