// SPDX-License-Identifier: GPL-3.0-or-later

/// How a test's cluster differs from an ordinary one.
struct ClusterOptions: Sendable {
  /// Whether what nodes say to each other goes through a proxy of ours, which can hold, slow and break it.
  var proxiesLinks = false
  /// What stands in the nodes' configuration besides what every test needs.
  var agents = AgentSettings()
  /// What the nodes find in their environment besides this process's.
  var environment: [String: String] = [:]
  /// Whether the nodes' disks can be broken.
  var disks: DiskFaults?
  /// Where the first nodes die, one point each, when the cluster is created; `with` then waits for nothing.
  var deathsAtCreation: [String] = []
  /// Whether the local KMS serves the metadata services of the clouds' machines too.
  var hasMetadataService = false
}

/// Settings of the nodes that some tests need otherwise than by default.
struct AgentSettings: Sendable {
  var oplogMegabytes: Int?
  var oplogMaximumMegabytes: Int?
  var oplogMinimumHours: Int?
  var copyCheckpointMegabytes: Int?
  var scrubMegabytesPerSecond: Double?
  var scrubHours: Double?

  var fields: [String: Any] {
    let all: [String: Any?] = [
      "oplogMegabytes": oplogMegabytes, "oplogMaximumMegabytes": oplogMaximumMegabytes,
      "oplogMinimumHours": oplogMinimumHours, "copyCheckpointMegabytes": copyCheckpointMegabytes,
      "scrubMegabytesPerSecond": scrubMegabytesPerSecond, "scrubHours": scrubHours,
    ]
    return all.compactMapValues { $0 }
  }
}
