// SPDX-License-Identifier: GPL-3.0-or-later

/// How often a copy makes its progress durable.
public struct CopyPace: Sendable {
  /// The bytes loaded between two checkpoints.
  var checkpointBytes: UInt64
  /// The bytes of one collection that are bulk-loaded in one go; what comes after is durable in steps, but slower.
  var segmentBytes: UInt64
  /// The copy is stopped once less than this is free on the disk, in bytes.
  var reserveBytes = CopyLimits.reserveBytes

  /// A checkpoint after `checkpointBytes` of whole collections; one that is larger than twice as much is divided.
  public init(checkpointBytes: UInt64 = CopyLimits.checkpointBytes) {
    let (segment, overflow) = checkpointBytes.multipliedReportingOverflow(by: 2)
    self.init(checkpointBytes: checkpointBytes, segmentBytes: overflow ? .max : segment)
  }

  init(checkpointBytes: UInt64, segmentBytes: UInt64) {
    self.checkpointBytes = checkpointBytes
    self.segmentBytes = segmentBytes
  }
}
