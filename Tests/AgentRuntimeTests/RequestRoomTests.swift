// SPDX-License-Identifier: GPL-3.0-or-later
import ClusterModel
import Foundation
import Logging
import Messages
import Replication
import Testing
import Transport

@testable import AgentRuntime

@Suite("Requests of the coordinator that hold secrets")
struct RequestRoomTests {
  func makeShell(disk: DiskState = DiskState()) throws -> AgentShell {
    let root = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-\(UUID().uuidString)").path
    let settings = #"{"node": "node-1", "identity": "", "coordinator": {"address": "", "publicKey": ""}}"#
    let (node, boot) = (NodeName(checked: "node-1"), BootID.random())
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let identity = try CurveIdentity.generate()
    return AgentShell(
      configuration: try JSONDecoder().decode(AgentConfiguration.self, from: Data(settings.utf8)), boot: boot,
      directory: GenerationDirectory(root: root),
      network: ReplicationNetwork(node: node, boot: boot, identity: identity, logger: logger),
      engine: NodeEngine(node: node), disk: disk, proof: try PartialProof(identity), workshop: try Workshop(),
      measures: AgentMeasures(), logger: logger)
  }

  @Test("wait in a queue that ends; beyond it they are not kept")
  func bounded() async throws {
    let shell = try makeShell()
    let epoch = Epoch(number: 1, incarnation: 7)
    for _ in 0..<500 {
      await shell.receive(Envelope(.userRequest(UserRequest(id: .random(), action: .list)), epoch: epoch))
      let settings = KMSSettings(
        provider: .aws, keyID: "k", region: "", credentials: .awsRole(arn: "r", externalID: nil, accessKeyID: nil))
      await shell.receive(
        Envelope(.proveSettings(ProveSettings(id: .random(), settings: settings, secret: nil)), epoch: epoch))
    }
    #expect(await shell.userRequests.underWay == RequestRoom.userLimit)
    #expect(await shell.proofRequests.underWay == RequestRoom.proofLimit)
    await shell.shutDown()
  }

  @Test("have their place back once they are answered")
  func leaves() {
    var room = RequestRoom(limit: 2)
    #expect(room.enter() && room.enter() && !room.enter())
    room.leave()
    #expect(room.enter() && !room.enter())
  }
}
