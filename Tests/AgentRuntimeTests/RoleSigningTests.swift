// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import KeyManagement
import Messages
import Testing

@testable import AgentRuntime

@Suite("A node that needs the coordinator's signature")
struct RoleSigningTests {
  @Test("is told at once that there is no coordinator, and answers that nobody waits for are dropped")
  func noCoordinator() async throws {
    let shell = try RequestRoomTests().makeShell()
    let signer = NodeRoleSigner(shell: shell, settings: .version(1))
    await #expect(throws: RoleSignerFailure.self) {
      try await signer.signedRequest(region: "eu-central-1", within: .seconds(5))
    }
    await shell.receive(
      Envelope(
        .roleSignature(RoleSignature(id: .random(), outcome: .later(milliseconds: 1))),
        epoch: Epoch(number: 1, incarnation: 7)))
    #expect(await shell.signings.isEmpty)
    await shell.shutDown()
  }

  @Test("waits for an answer no longer than the link lasts, and no longer than its time")
  func ends() async throws {
    let shell = try RequestRoomTests().makeShell()
    for ending in ["link", "time", "answer"] {
      async let result = withCheckedContinuation { answer in
        Task { await shell.hold(answer, until: ending == "time" ? .min : .max) }
      }
      while await shell.signings.isEmpty { await Task.yield() }
      let id = try #require(await shell.signings.keys.first)
      switch ending {
      case "link": await shell.endSignings("the link has ended")
      case "time": await shell.endOverdueSignings()
      default: await shell.take(RoleSignature(id: id, outcome: .declined(reason: "not yours")))
      }
      guard case .failure(let failure) = await result else {
        Issue.record("\(ending): something was signed")
        return
      }
      #expect(failure == .declined("the coordinator did not sign for the role: not yours") || ending != "answer")
      #expect(await shell.signings.isEmpty)
    }
    await shell.shutDown()
  }
}

extension AgentShell {
  fileprivate func hold(
    _ answer: CheckedContinuation<Result<SignedRoleRequest, RoleSignerFailure>, Never>, until deadline: Int64
  ) { signings[.random()] = Signing(deadline: deadline, answer: answer) }
}
