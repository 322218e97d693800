// SPDX-License-Identifier: GPL-3.0-or-later
internal import Replication
internal import ReplicationCore

extension AgentConfiguration {
  private static let megabyteLimit = 1 << 30
  private static let hourLimit = 24.0 * 365 * 100

  /// Throws `configuration` for limits of the oplog and of copies that can't be.
  func checkOplog() throws(AgentError) {
    for (name, value) in [
      ("oplogMegabytes", oplogMegabytes), ("oplogMaximumMegabytes", oplogMaximumMegabytes),
      ("copyCheckpointMegabytes", copyCheckpointMegabytes),
    ] {
      guard let value, !(1...Self.megabyteLimit).contains(value) else { continue }
      throw AgentError(.configuration, "\(name) is \(value); it has to be from 1 to \(Self.megabyteLimit)")
    }
    if let hours = oplogMinimumHours, !(0...Self.hourLimit).contains(hours) {
      throw AgentError(.configuration, "oplogMinimumHours is \(hours); it has to be 0 (for none) or more")
    }
    if let ceiling = oplogMaximumMegabytes, ceiling < oplogMegabytes ?? ceiling {
      throw AgentError(.configuration, "oplogMaximumMegabytes is \(ceiling), less than oplogMegabytes")
    }
  }

  /// How often a copy is made durable.
  var copyPace: CopyPace {
    CopyPace(checkpointBytes: copyCheckpointMegabytes.map { UInt64(clamping: $0) << 20 } ?? CopyLimits.checkpointBytes)
  }

  /// How much of its oplog the node keeps.
  var oplogRetention: OplogRetention {
    let standard = OplogRetention()
    return OplogRetention(
      bytes: oplogMegabytes.map { UInt64(clamping: $0) << 20 } ?? standard.bytes,
      minimumMilliseconds: oplogMinimumHours.map { Int64($0 * 3_600_000) } ?? standard.minimumMilliseconds,
      ceilingBytes: oplogMaximumMegabytes.map { UInt64(clamping: $0) << 20 })
  }
}
