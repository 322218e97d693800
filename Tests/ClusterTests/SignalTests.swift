// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@Suite("Signals to real processes", .serialized) struct SignalTests {
  @Test("SIGHUP reads the log level anew and keeps everything else; SIGTERM ends each daemon without an error")
  func signals() async throws {
    try await TestCluster.with(nodes: 1) { cluster in
      let node = cluster.nodes[0]
      let file = "\(cluster.root)/\(node.name).json"
      let contents = try Data(contentsOf: URL(fileURLWithPath: file))
      var settings = try #require(try JSONSerialization.jsonObject(with: contents) as? [String: Any])
      settings["logLevel"] = "debug"
      try JSONSerialization.data(withJSONObject: settings).write(to: URL(fileURLWithPath: file))
      for daemon in [node, cluster.coordinator, cluster.kms] { daemon.send(SIGHUP) }
      for daemon in [node, cluster.coordinator] {
        _ = try await eventually("\(daemon.name) has read its configuration") {
          daemon.logText.contains("read the configuration anew") ? true : nil
        }
      }
      #expect(node.logText.contains("log level debug"))

      // A file that can't be read changes nothing.
      try Data("{".utf8).write(to: URL(fileURLWithPath: file))
      node.send(SIGHUP)
      _ = try await eventually("\(node.name) refuses the file") {
        node.logText.contains("the configuration was not read anew") ? true : nil
      }
      let before = node.logText.count
      _ = try await cluster.client(try await cluster.primary())
      for daemon in [node, cluster.coordinator, cluster.kms] { #expect(daemon.stop() == 0, "\(daemon.name)") }
      #expect(node.logText.contains("\"level\":\"debug\""), "it did not log that before")
      for daemon in [node, cluster.coordinator, cluster.kms] {
        let text = daemon.name == node.name ? String(daemon.logText.dropFirst(before)) : daemon.logText
        let errors = text.split(separator: "\n").filter { line in
          ["error", "critical"].contains { line.contains("\"level\":\"\($0)\"") }
        }
        #expect(errors.isEmpty, "\(daemon.name) ended with errors: \(errors)")
      }
    }
  }
}
