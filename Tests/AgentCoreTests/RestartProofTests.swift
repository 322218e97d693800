// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing

@testable import AgentCore

@Suite("A node proves that it could restart")
struct RestartProofTests {
  private func proof(_ key: MasterKeyID = Life.masterKey, at time: Int64) -> RestartProof {
    RestartProof(masterKeyID: key, keystoreVersion: 1, provenAtMilliseconds: time)
  }

  @Test("by its opening, which read, unwrapped and opened the keystore")
  func opening() {
    var life = Life()
    _ = life.core.onAssignment(Life.assignment(), now: 0)
    _ = life.core.onOpened(Life.report(encrypted: true), check: Life.check(.valid, at: 7), now: 0)
    #expect(life.core.restartProof == proof(at: 7))
    #expect(Life.serving(encrypted: false).core.restartProof == nil)
  }

  @Test("by each check that could, and by none that could not")
  func checks() {
    var life = Life.serving()
    _ = life.core.onCheck(Life.check(.valid, at: 2), scheduled: true, proof: proof(at: 2), now: 0)
    _ = life.core.onCheck(Life.check(.unreachable(.network, detail: ""), at: 3), scheduled: true, now: 0)
    #expect(life.core.restartProof == proof(at: 2))
    _ = life.core.onCheck(Life.check(.valid, at: 9), scheduled: false, proof: proof(at: 9), now: 0)
    #expect(life.core.restartProof == proof(at: 9))
  }

  @Test("at once under a new master key, however that came to be, and only then")
  func newKey() {
    var life = Life.serving()
    let id = CommandID.random()
    _ = life.command(.rotateMasterKey(expecting: Life.generation, masterKey: Life.masterKey), id: id)
    let rotated = Life.report(encrypted: true, masterKey: .random())
    #expect(
      life.core.onWorkFinished(id, outcome: .done, generation: rotated, now: 0).contains(.check(scheduled: false)))
    let again = CommandID.random()
    _ = life.command(.stepDown, id: again)
    #expect(
      !life.core.onWorkFinished(again, outcome: .done, generation: rotated, now: 0).contains(.check(scheduled: false)))
  }
}
