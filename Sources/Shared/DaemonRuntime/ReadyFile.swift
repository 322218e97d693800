// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation
internal import Glibc
public import Secrets

/// What a daemon writes to `DIR/ready.json` once it serves, for scripts and tests that wait for it.
public struct ReadyFile: Sendable, Codable, Equatable {
  /// The file's name in the data directory.
  public static let name = "ready.json"

  /// The process.
  public var pid: Int32
  /// Its version.
  public var version: String
  /// Bound ports by what they are for.
  public var ports: [String: Int]
  /// The daemon's CURVE public key in Z85, nil if it has none.
  public var publicKey: String?

  /// Makes a ready file of this process.
  public init(ports: [String: Int], publicKey: String?) {
    pid = getpid()
    version = KeyfoldVersion.text
    self.ports = ports
    self.publicKey = publicKey
  }

  /// Replaces `directory/ready.json`.
  public func write(to directory: String) throws(SystemFault) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else { throw SystemFault(number: EINVAL) }
    try DurableFile.replace(directory + "/" + Self.name, with: Array(data) + [0x0A])
  }

  /// Removes what an earlier run left, so that nobody takes it for this one.
  public static func remove(from directory: String) throws(SystemFault) {
    try DurableFile.remove(directory + "/" + name)
  }
}
