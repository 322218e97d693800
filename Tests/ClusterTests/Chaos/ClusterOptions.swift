// SPDX-License-Identifier: GPL-3.0-or-later

/// How a test's cluster differs from an ordinary one.
struct ClusterOptions: Sendable {
  /// Whether what nodes say to each other goes through a proxy of ours, which can hold, slow and break it.
  var proxiesLinks = false
  /// What the nodes find in their environment besides this process's.
  var environment: [String: String] = [:]
  /// Whether the nodes' disks can be broken.
  var disks: DiskFaults?
  /// How large in MiB the nodes' oplogs may be, whatever their age; nil for the defaults.
  var oplogMegabytes: Int?
  /// Where the first nodes die, one point each, when the cluster is created; `with` then waits for nothing.
  var deathsAtCreation: [String] = []
  /// How fast in MiB a second, and how often in hours, nodes read all their tables; nil for the defaults.
  var scrub: (megabytesPerSecond: Double, hours: Double)?
}
