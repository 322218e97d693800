// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Synchronization

/// Nodes that are not there from the beginning.
extension TestCluster {
  /// An agent that enrolled itself for the cluster with a token and runs, and belongs to nothing yet.
  func makeSpare(_ name: String, kmsSourceAddress: String? = nil, with settings: [String: String] = [:]) async throws
    -> Daemon
  {
    let identity = "\(root)/\(name).key"
    try operate(
      "node", "token", "create", name, "--cluster", Self.name, "--project", Self.project, "--file", identity + ".token")
    // Twice: the second time as if the first answer had been lost.
    for _ in 1...2 {
      let joined = try run(["keyfold-agent", "join", "--token", identity + ".token", "--identity", identity])
      guard joined.status == 0 else { throw TestFailure("keyfold-agent join: \(joined.output)") }
    }
    var fields: [String: Any] = [
      "node": name, "identity": identity, "cacheMegabytes": 64, "checkpointSeconds": 2,
      "coordinator": [
        "address": "127.0.0.1:\(try await coordinator.ready()["control"] ?? 0)",
        "publicKey": try Self.readyField("publicKey", of: coordinator),
      ],
      "drivers": ["port": Self.freePort()], "replication": ["port": Self.freePort()], "metrics": ["port": 0],
    ]
    fields["kmsSourceAddress"] = kmsSourceAddress
    try write(fields, to: name + ".json")
    let data = "\(root)/nodes/\(name)"
    let daemon = Daemon(
      name, executable: ["keyfold-agent", "run", "--config", "\(root)/\(name).json", "--data", data], data: data,
      log: "\(root)/log/\(name).log")
    spares.withLock { $0.append(daemon) }
    try await daemon.start(with: settings)
    return daemon
  }

  /// Waits for the end of the newest plan of a kind; answers its state.
  func end(of kind: String, within limit: Duration = .seconds(120)) async throws -> String {
    try await eventually(within: limit, "plan \(kind) ends") { () -> String? in
      guard let list = try? query("plan", "list") as? [String: Any], let plans = list["plans"] as? [[String: Any]],
        let plan = plans.first(where: { $0["kind"] as? String == kind }), let state = plan["state"] as? String
      else { return nil }
      return plan["finishedAt"] == nil ? nil : state
    }
  }

  /// Waits until so many nodes of the cluster serve: what they report comes a moment after the end of a plan.
  func serves(_ count: Int) async throws {
    _ = try await eventually("\(count) nodes serve") { () -> Bool? in
      let list = try run(["keyfold", "node", "list", "--cluster", Self.name]).output
      return list.components(separatedBy: " serving").count - 1 == count ? true : nil
    }
  }
}
