// SPDX-License-Identifier: GPL-3.0-or-later

/// What an alert is about.
public enum AlertKind: String, Sendable, Codable, CaseIterable {
  case kmsUnreachable, keyRevoked, vantagePointsDisagree, nodeSilent, nodeFailed, nodeDamaged, keystoreDistrusted
  case planOverdue, initialSync, secondIncarnation, storeRestored, auditContradicted

  /// Whether data is out of reach or in danger because of it.
  public var isCritical: Bool {
    switch self {
    case .keyRevoked, .nodeFailed, .nodeDamaged, .keystoreDistrusted, .initialSync, .secondIncarnation, .storeRestored,
      .auditContradicted:
      true
    case .kmsUnreachable, .vantagePointsDisagree, .nodeSilent, .planOverdue: false
    }
  }
}

/// Something that needs, or needed, an operator's attention.
public struct AlertRecord: Sendable, Codable, Equatable {
  /// Its id: kind, subject and moment.
  public let id: String
  /// What it is about.
  public let kind: AlertKind
  /// Whom it is about: a project, cluster or node.
  public let subject: String
  /// What is the matter.
  public var text: String
  /// Since when.
  public let openedAt: Instant
  /// Until when, nil while it lasts.
  public var closedAt: Instant?
}
