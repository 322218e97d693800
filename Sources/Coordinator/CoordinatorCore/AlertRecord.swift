// SPDX-License-Identifier: GPL-3.0-or-later

/// What an alert is about.
public enum AlertKind: String, Sendable, Codable, CaseIterable {
  case kmsUnreachable, keyRevoked, vantagePointsDisagree, nodeSilent, nodeFailed, nodeDamaged, keystoreDistrusted
  case planOverdue, initialSync, secondIncarnation, storeRestored, mailNotSent, auditContradicted
  case keyNotChecked, keyUnknown
  case keyUse
  case masterKeyOld, customerKeyOld, restartNotProven
  case writesLost

  /// The alert's name, for operators.
  public var title: String {
    switch self {
    case .kmsUnreachable: "KMS network access denied"
    case .keyRevoked: "KMS key revoked"
    case .vantagePointsDisagree: "KMS vantage points disagree"
    case .nodeSilent: "node silent"
    case .nodeFailed: "node failed"
    case .nodeDamaged: "node damaged"
    case .keystoreDistrusted: "keystore not approved"
    case .planOverdue: "plan overdue"
    case .initialSync: "initial sync"
    case .secondIncarnation: "second agent"
    case .storeRestored: "coordinator restored"
    case .mailNotSent: "mail not sent"
    case .auditContradicted: "audit record contradicted"
    case .keyNotChecked: "KMS key not checked"
    case .keyUnknown: "KMS key of nodes unknown"
    case .keyUse: "KMS wrap or describe failed"
    case .masterKeyOld: "master key too old"
    case .customerKeyOld: "KMS key needs rotation"
    case .restartNotProven: "restart not proven"
    case .writesLost: "acknowledged writes lost"
    }
  }

  /// Whether it says something of a project's key.
  var isAboutKey: Bool {
    switch self {
    case .kmsUnreachable, .keyRevoked, .vantagePointsDisagree, .keyNotChecked, .customerKeyOld: true
    default: false
    }
  }

  /// Whether data is out of reach or in danger because of it.
  public var isCritical: Bool {
    switch self {
    case .keyRevoked, .nodeFailed, .nodeDamaged, .keystoreDistrusted, .initialSync, .secondIncarnation, .storeRestored,
      .auditContradicted, .keyUnknown, .writesLost:
      true
    case .kmsUnreachable, .vantagePointsDisagree, .nodeSilent, .planOverdue, .mailNotSent, .keyNotChecked, .keyUse,
      .masterKeyOld, .customerKeyOld, .restartNotProven:
      false
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
  /// What to do about it, nil if the text says it.
  public var next: String?
  /// Since when.
  public let openedAt: Instant
  /// Until when, nil while it lasts.
  public var closedAt: Instant?
}
