// SPDX-License-Identifier: GPL-3.0-or-later

/// KMS settings of a key that others have replaced while nodes may still have to unwrap with it.
///
/// The secret part of the credentials travels beside them, never in them.
public struct FormerKMS: Sendable, Codable, Equatable {
  /// The most that a node is told of at once: a key that is replaced again before every node has left it.
  public static let maximumCount = 4

  /// The settings as they were in force last.
  public var settings: KMSSettings
  /// Their version.
  public var settingsVersion: UInt64

  /// Makes former settings of their parts.
  public init(settings: KMSSettings, settingsVersion: UInt64) {
    self.settings = settings
    self.settingsVersion = settingsVersion
  }
}

extension NodeAssignment {
  /// Whether a check under this version of the settings still says something: they are in force, or still needed.
  public func knows(settingsVersion version: UInt64) -> Bool {
    version == settingsVersion || formerKMS?.contains { $0.settingsVersion == version } == true
  }
}
