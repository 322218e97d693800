// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A key that a project's settings named before: needed until every node has left it, remembered for a while after.
public struct FormerKeyRecord: Sendable, Codable, Equatable {
  /// The key's full id.
  public let keyID: String
  /// The version of the settings that named it last; the store keeps their secret under it while they are needed.
  public let settingsVersion: UInt64
  /// When another key took its place.
  public let replacedAt: Instant
  /// The settings, with which nodes still open what is under the key; nil once nothing needs it.
  public var settings: KMSSettings?
  /// The coordinator's random value under the key, for its checks while the key is needed.
  public var canary: WrappedMasterKey?
  /// The coordinator's last check of the key.
  public var lastCheck: CheckReport?
  /// Nodes that have not reported since under the settings that took its place; what they make may still be under it.
  public var awaiting: [NodeName]
  /// Since when nothing needs it, nil while something does.
  public var freedAt: Instant?
  /// When an operator retired it, nil if none did.
  public var retiredAt: Instant?

  init(_ settings: KMSSettings, of project: ProjectRecord, awaiting: [NodeName], now: Instant) {
    keyID = settings.keyID
    settingsVersion = project.settingsVersion
    replacedAt = now
    self.settings = settings
    canary = project.canary
    lastCheck = project.lastCheck
    self.awaiting = awaiting
  }

  /// Whether anything still needs it.
  public var isNeeded: Bool { freedAt == nil }
}

extension ProjectRecord {
  /// The former keys that something still needs, oldest first.
  public var neededKeys: [FormerKeyRecord] { (formerKeys ?? []).filter(\.isNeeded) }

  /// The versions of settings whose secrets are kept: those in force, and those of keys that are still needed.
  public var keptSettings: Set<UInt64> { Set([settingsVersion] + neededKeys.map(\.settingsVersion)) }

  /// What a check under this version of the settings needs, nil if they are neither in force nor needed any more.
  public func custody(settingsVersion version: UInt64) -> (settings: KMSSettings, canary: WrappedMasterKey)? {
    if version == settingsVersion {
      if let kms, let canary { return (kms, canary) }
      return nil
    }
    guard let former = neededKeys.first(where: { $0.settingsVersion == version }), let settings = former.settings,
      let canary = former.canary
    else { return nil }
    return (settings, canary)
  }
}
