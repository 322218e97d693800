// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("Nodes let in who is on the project's access list", .serialized, .timeLimit(.minutes(15))) struct AddressTests {
  @Test("one address is let in, another is not, and an entry that is removed ends the connection")
  func accessList() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      let port = try await cluster.driverPort(of: cluster.nodes[0])
      func isHeld() -> Bool? {
        let list = try? cluster.query("project", "access", "list", TestCluster.project) as? [String: Any]
        return list?["nodesUpToDate"] as? Int == 3 ? true : nil
      }
      let hello: Document = ["hello": 1, "$db": "admin"]
      let early = try WireClient(port: port, from: "127.0.0.40")
      try early.succeed(hello)

      try cluster.operate("project", "access", "add", TestCluster.project, "127.0.0.32/30", "--comment", "the shop")
      // The first entry turns the list on: who is connected from elsewhere is not any more.
      _ = try await eventually("the list is held") { isHeld() }
      #expect(throws: TestFailure.self) { try early.run(hello) }
      let member = try WireClient(port: port, from: "127.0.0.33")
      try member.succeed(hello)
      #expect(throws: TestFailure.self) { try WireClient(port: port, from: "127.0.0.40").run(hello) }
      // Members still hear one another, and nobody else is heard on their port.
      try await cluster.insert(1, into: "things", of: "shop")
      for node in cluster.nodes { try await cluster.holds(1, in: "things", of: "shop", on: node) }
      let replication = try #require(try await cluster.nodes[0].ready()["replication"])
      _ = try WireClient(port: replication, from: "127.0.0.33").receiveToEnd()

      // A node that starts again lets nobody else in meanwhile, and has the list again soon.
      cluster.nodes[0].kill9()
      try await cluster.nodes[0].start()
      _ = try await eventually("who is listed is let in again") {
        try? WireClient(port: try await cluster.driverPort(of: cluster.nodes[0]), from: "127.0.0.33").succeed(hello)
      }
      let again = try await cluster.driverPort(of: cluster.nodes[0])
      #expect(throws: TestFailure.self) { try WireClient(port: again, from: "127.0.0.40").run(hello) }

      let leaving = try WireClient(port: again, from: "127.0.0.33")
      try leaving.succeed(hello)
      try cluster.operate("project", "access", "remove", TestCluster.project, "127.0.0.32/30")
      _ = try await eventually("the entry is gone") { isHeld() }
      #expect(throws: TestFailure.self) { try leaving.run(hello) }
      // The node itself is always let in.
      try await cluster.client(cluster.nodes[0]).succeed(hello)

      let export = try cluster.operate("iplist", "export", "--format", "json", TestCluster.project)
      #expect(export.contains("127.0.0.1/32"))
      let audit = try cluster.operate("audit", "list")
      #expect(audit.contains("project access add") && audit.contains("shop: 127.0.0.32/30"))
    }
  }
}
