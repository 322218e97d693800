// SPDX-License-Identifier: GPL-3.0-or-later

/// Whether drivers speak TLS with a node.
public enum DriverTLSMode: String, Sendable, Codable, CaseIterable {
  /// Nobody does.
  case disabled
  /// Who wants to does.
  case allowed
  /// Everybody has to.
  case required
}

/// Whether drivers have to log in.
public enum DriverAuthentication: String, Sendable, Codable, CaseIterable {
  /// They have to.
  case on
  /// Anybody may come in: there is no user yet.
  case off
  /// The node has not opened its data yet and knew of no user before; nobody may do anything.
  case unknown
}

/// How drivers get in at one node.
public struct DriverPortReport: Sendable, Codable, Equatable {
  /// Whether they speak TLS.
  public var tls: DriverTLSMode
  /// Whether they have to log in.
  public var authentication: DriverAuthentication
  /// Why the port is not bound yet, nil if it is. The node reports its configured address all the same.
  public var waiting: String?

  /// Makes a report of its parts.
  public init(tls: DriverTLSMode, authentication: DriverAuthentication, waiting: String? = nil) {
    self.tls = tls
    self.authentication = authentication
    self.waiting = waiting
  }
}
