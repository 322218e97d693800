// SPDX-License-Identifier: GPL-3.0-or-later

/// That a node could restart: the keystore on its disk, as it was read, opens under what the KMS unwraps of it, and
/// that is the key in use.
public struct RestartProof: Sendable, Codable, Equatable {
  /// The master key that was unwrapped and is in use.
  public var masterKeyID: MasterKeyID
  /// The version of the keystore that was read.
  public var keystoreVersion: UInt64
  /// When the proof began, on the node's clock, milliseconds since 1970.
  public var provenAtMilliseconds: Int64

  /// Makes a proof of its parts.
  public init(masterKeyID: MasterKeyID, keystoreVersion: UInt64, provenAtMilliseconds: Int64) {
    self.masterKeyID = masterKeyID
    self.keystoreVersion = keystoreVersion
    self.provenAtMilliseconds = provenAtMilliseconds
  }
}
