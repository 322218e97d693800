// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Testing
import Transport

@testable import AgentRuntime

@Suite("The mark of an interrupted copy") struct PartialProofTests {
  private func master(_ blob: [UInt8]) -> WrappedMasterKey {
    WrappedMasterKey(
      provider: .aws, keyID: "arn", keyVersion: "", region: "eu", createdAtMilliseconds: 1, blob: blob)
  }

  @Test("holds for the keys, the plan and the generation it was made for, and for nothing else")
  func binds() throws {
    let proof = try PartialProof(try CurveIdentity.generate())
    let id = GenerationID.random()
    let mark = try proof.mark(id, purpose: "plan under arn", master: master([1, 2]))
    #expect(PartialProof.purpose(of: mark) == "plan under arn")
    #expect(try proof.isSound(mark, id, purpose: "plan under arn", master: master([1, 2])))
    #expect(try !proof.isSound(mark, id, purpose: "plan under arn", master: master([1, 3])))
    #expect(try !proof.isSound(mark, id, purpose: "plan under arn", master: nil))
    #expect(try !proof.isSound(mark, id, purpose: "plan plain", master: master([1, 2])))
    #expect(try !proof.isSound(mark, .random(), purpose: "plan under arn", master: master([1, 2])))
  }

  @Test("can't be made without the node's identity, whatever else is known of it")
  func needsIdentity() throws {
    let proof = try PartialProof(try CurveIdentity.generate())
    let foreign = try PartialProof(try CurveIdentity.generate())
    let id = GenerationID.random()
    for mark in [nil, "", "plan", try foreign.mark(id, purpose: "plan", master: master([1]))] {
      #expect(try !proof.isSound(mark, id, purpose: "plan", master: master([1])))
    }
    #expect(PartialProof.purpose(of: "") == "")
  }
}
