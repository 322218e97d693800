// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Foundation
import Testing

@Suite("A coordinator that was lost comes back from its backup", .serialized, .timeLimit(.minutes(15)))
struct BackupTests {
  @Test("older than the last rotation, and without its root key; nodes serve all the while")
  func lost() async throws {
    try await TestCluster.with(nodes: 3) { cluster in
      let arn = try cluster.useKey()
      try cluster.operate("cluster", "encrypt", TestCluster.name, "--wait", "--timeout", "120")
      let (data, backup) = (cluster.coordinator.data, cluster.root + "/backup")
      let made = try cluster.operate("coordinator", "backup", "--data", data, backup)
      #expect(made.contains("root key is not in it"), "\(made)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: backup).sorted() == files)
      #expect(try cluster.run(["keyfold", "coordinator", "backup", "--data", data, backup]).status == 4)
      try cluster.operate("keys", "rotate", TestCluster.name, "--wait")

      // A running coordinator's store is not touched.
      let busy = try cluster.run(["keyfold", "coordinator", "restore", "--data", data, "--replace", backup])
      #expect(busy.status == 4 && busy.output.contains("Stop the coordinator"), "\(busy.output)")

      cluster.coordinator.kill9()
      let operatorFile = try #require(FileManager.default.contents(atPath: data + "/operator.json"))
      try FileManager.default.removeItem(atPath: data)
      let restore = ["keyfold", "coordinator", "restore", "--data", data, "--replace", "--forget-secrets", backup]
      // Killed at either point it can be done again; what was there is kept.
      for point in Points.restoring {
        let killed = try cluster.run(restore, with: ["KEYFOLD_FAILPOINT": point])
        #expect(killed.status != 0 && !killed.output.contains("restored to"), "\(point): \(killed.output)")
        #expect(FileManager.default.fileExists(atPath: data + "/coordinator.key"), "\(point)")
      }
      let restored = try cluster.run(restore)
      #expect(restored.status == 0 && restored.output.contains("1 sealed secret forgotten"), "\(restored.output)")
      #expect(restored.output.contains("former store"))
      try operatorFile.write(to: URL(fileURLWithPath: data + "/operator.json"))
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: data + "/operator.json")
      try await cluster.coordinator.start()

      _ = try await eventually("it knows that it is old") {
        let view = try? cluster.query("coordinator", "show") as? [String: Any]
        return (view?["nodesAhead"] as? [Any])?.count == 3 ? true : nil
      }
      try cluster.operate("coordinator", "adopt")
      try cluster.operate("kms", "set", TestCluster.project, "--key", arn, "--local-kms", cluster.root + "/kms")
      try cluster.operate("keys", "rotate", TestCluster.name, "--wait", "--timeout", "120")
      try cluster.operate("cluster", "restart", TestCluster.name, "--wait", "--timeout", "120")
      #expect(try cluster.operate("node", "list").ranges(of: "serving").count == 3)
    }
  }

  private let files = ["backup.json", "coordinator.key", "coordinator.sqlite"]
}
