// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// A project: who owns it and which key its clusters are under.
public struct ProjectRecord: Sendable, Codable, Equatable {
  /// Its name.
  public let name: ProjectName
  /// The owners' mail addresses.
  public var owners: [String]
  /// When it was made.
  public let createdAt: Instant
  /// The KMS settings that were proven last, nil if none were.
  public var kms: KMSSettings?
  /// One higher at each proven change, 0 if there was none; the store keeps the secret under it.
  public var settingsVersion: UInt64
  /// A random value wrapped by the key, for the coordinator's own checks.
  public var canary: WrappedMasterKey?
  /// Keys that the settings named before, oldest first; nil for none.
  public var formerKeys: [FormerKeyRecord]?
  /// Keys of which the store has no settings and that nodes are to leave, by an operator's word; nil for none.
  public var leftKeys: [String]?
  /// The coordinator's last check under the present settings.
  public var lastCheck: CheckReport?
  /// What is wrong with the key since when, nil while the coordinator's checks are valid.
  public var trouble: KeyTrouble?
  /// The time the key is away, nil while no cluster is locked out.
  public var episode: KeyEpisode?
  /// Alerts that the project does not want, nil for none.
  public var mutedAlerts: [AlertKind]?
  /// When its clusters are maintained, and how old keys may become; nil for the defaults.
  public var maintenance: MaintenanceRecord?
  /// Since when its customer key is the one it is; nil in a store from before this was remembered.
  public var keySince: Instant?
  /// From where drivers may connect to its clusters, by range; nil if there is no access list, and from anywhere.
  public var accessList: [AccessRecord]?

  init(name: ProjectName, owners: [String], createdAt: Instant) {
    self.name = name
    self.owners = owners
    self.createdAt = createdAt
    settingsVersion = 0
  }
}
