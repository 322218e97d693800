// SPDX-License-Identifier: GPL-3.0-or-later

/// What a driver has to know of the replica set, as this node sees it now.
public struct ReplicaSetView: Sendable, Equatable {
  /// The replica set's name, which drivers check.
  public var setName: String
  /// The version of its member list; grows with each change.
  public var setVersion: Int
  /// This node's own `host:port` as it stands in `hosts`.
  public var me: String
  /// `host:port` of all members that drivers may use.
  public var hosts: [String]
  /// `host:port` of the primary, if this node knows one.
  public var primary: String?
  /// Whether this node is the primary and may write.
  public var isWritablePrimary: Bool
  /// Whether this node is a readable secondary.
  public var isSecondary: Bool
  /// The term this node was elected in; drivers tell an old primary from a new one by it.
  public var electionID: UInt64
  /// Up to when this node is known to have every committed write, in milliseconds since 1970, if known: told to drivers
  /// as the time of its last write, by which they judge how stale a secondary is.
  public var lastWriteMilliseconds: Int64?

  /// Describes the replica set.
  public init(
    setName: String, setVersion: Int, me: String, hosts: [String], primary: String?, isWritablePrimary: Bool,
    isSecondary: Bool, electionID: UInt64, lastWriteMilliseconds: Int64? = nil
  ) {
    self.setName = setName
    self.setVersion = setVersion
    self.me = me
    self.hosts = hosts
    self.primary = primary
    self.isWritablePrimary = isWritablePrimary
    self.isSecondary = isSecondary
    self.electionID = electionID
    self.lastWriteMilliseconds = lastWriteMilliseconds
  }
}
