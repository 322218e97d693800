// SPDX-License-Identifier: GPL-3.0-or-later

/// The room on the disk of a node's data directory.
public struct DiskReport: Sendable, Codable, Equatable {
  /// What the agent may still write, in bytes.
  public var freeBytes: UInt64
  /// The size of the file system, in bytes.
  public var totalBytes: UInt64
  /// What the files of the live generation take, in bytes; 0 without one.
  public var dataBytes: UInt64

  /// Makes a report of its parts.
  public init(freeBytes: UInt64, totalBytes: UInt64, dataBytes: UInt64) {
    self.freeBytes = freeBytes
    self.totalBytes = totalBytes
    self.dataBytes = dataBytes
  }

  /// A number of bytes for an operator, in the largest unit of which there is at least one: `3.4 GiB`.
  public static func text(_ bytes: UInt64) -> String {
    var (value, unit) = (Double(bytes), "bytes")
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB"] where value >= 1024 { (value, unit) = (value / 1024, next) }
    if unit == "bytes" { return "\(bytes) bytes" }
    let tenths = UInt64((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(unit)"
  }
}
