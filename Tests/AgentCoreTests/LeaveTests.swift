// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import AgentCore

@Suite("A node that leaves its cluster")
struct LeaveTests {
  private func leave(_ generation: GenerationID? = Life.generation) -> NodeCommand {
    NodeCommand(id: .random(), plan: .random(), action: .leave(expecting: generation))
  }

  private func serving() -> Life {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onOpened(Life.report(encrypted: true), check: nil, now: 0)
    return life
  }

  @Test("closes before it destroys, and replaces its process image after")
  func order() {
    var life = serving()
    let command = leave()
    let first = life.core.onCommand(command, epoch: Life.epoch, now: 1)
    #expect(first.contains(.close) && !first.contains(.destroyEverything))
    let again = life.core.onCommand(command, epoch: Life.epoch, now: 2)
    #expect(again == [.reply(CommandResult(command: command.id, outcome: .accepted))])
    let closed = life.core.onClosed(now: 3)
    #expect(closed == [.destroyEverything])
    let destroyed = life.core.onDestroyed()
    #expect(destroyed == [.replaceProcessImage])
  }

  @Test("destroys nothing that the coordinator does not name")
  func expectation() {
    var life = serving()
    for other in [nil, GenerationID.random()] {
      let directives = life.core.onCommand(leave(other), epoch: Life.epoch, now: 1)
      guard case .reply(let result) = directives.first, case .refused = result.outcome else {
        return #expect(Bool(false), "it is not refused")
      }
      #expect(directives.count == 1 && life.core.isServing)
    }
  }

  @Test("destroys at once what a crash half-way left, and also what it could not open")
  func withoutEngine() {
    var fresh = Life(encrypted: nil)
    let empty = fresh.core.onCommand(leave(nil), epoch: Life.epoch, now: 1)
    #expect(empty.contains(.destroyEverything), "there may be a copy that was cut off")
    var locked = Life()
    _ = locked.core.onAssignment(Life.assignment(disabled: "revoked"), now: 0)
    let directives = locked.core.onCommand(leave(), epoch: Life.epoch, now: 1)
    #expect(directives.contains(.destroyEverything) && !directives.contains(.open))
    let tick = locked.core.onTick(now: 1_000_000)
    #expect(tick.isEmpty, "nothing is opened any more")
  }

  @Test("is asked again while something else works on its files")
  func busy() {
    var life = Life(encrypted: nil)
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    let order = InitialSyncOrder(encrypted: true, replacing: nil, sources: [], lostTerm: 0)
    _ = life.core.onCommand(
      NodeCommand(id: .random(), plan: nil, action: .initialSync(order)), epoch: Life.epoch, now: 1)
    let directives = life.core.onCommand(leave(nil), epoch: Life.epoch, now: 2)
    guard case .reply(let result) = directives.first, case .failed = result.outcome else {
      return #expect(Bool(false), "a copy is under way")
    }
    #expect(directives.count == 1)
  }

  @Test("changes the shard's members only as one that serves")
  func members() {
    var life = serving()
    let add = NodeCommand(id: .random(), plan: nil, action: .addMember(NodeName(checked: "node-9")))
    let directives = life.core.onCommand(add, epoch: Life.epoch, now: 1)
    #expect(directives.contains(.addMember(add.id, NodeName(checked: "node-9"))))
    var closed = Life()
    let refused = closed.core.onCommand(add, epoch: Life.epoch, now: 1)
    #expect(refused.count == 1)
  }
}
