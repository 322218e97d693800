// SPDX-License-Identifier: GPL-3.0-or-later

/// One request to a KMS about a customer's key, as it goes into the audit record.
public struct KeyUse: Sendable, Codable, Equatable {
  /// What was asked.
  public enum Operation: String, Sendable, Codable, CaseIterable {
    case wrap, unwrap, describe, other
  }

  /// The longest text of it that is kept, in characters.
  public static let maximumTextLength = 400

  /// Whose KMS was asked.
  public var provider: KMSProvider
  /// What was asked.
  public var operation: Operation
  /// The full id of the key.
  public var keyID: String
  /// The provider's id of the request, empty if there was no answer or none in it.
  public var requestID: String
  /// The kind of failure, nil if the KMS did what was asked.
  public var failure: String?
  /// When it was sent, milliseconds since 1970 by the clock of whoever sent it.
  public var startedAtMilliseconds: Int64

  /// Makes a use of its parts; texts longer than `maximumTextLength` are cut.
  public init(
    provider: KMSProvider, operation: Operation, keyID: String, requestID: String, failure: String? = nil,
    startedAtMilliseconds: Int64
  ) {
    self.provider = provider
    self.operation = operation
    self.keyID = String(keyID.prefix(Self.maximumTextLength))
    self.requestID = String(requestID.prefix(Self.maximumTextLength))
    self.failure = failure.map { String($0.prefix(Self.maximumTextLength)) }
    self.startedAtMilliseconds = startedAtMilliseconds
  }
}

/// A use with its place in what one life of a node's process did.
public struct NumberedKeyUse: Sendable, Codable, Equatable {
  /// Counts up from 1 in one life of the process; numbers of what was given up are missing.
  public var number: UInt64
  /// How many uses before it, since the one before, were given up because nobody took them for too long.
  public var lostBefore: UInt64
  /// The use.
  public var use: KeyUse

  /// Makes it of its parts.
  public init(number: UInt64, lostBefore: UInt64 = 0, use: KeyUse) {
    self.number = number
    self.lostBefore = lostBefore
    self.use = use
  }
}

/// Uses of one life of a node's process that the coordinator has not taken yet, oldest first.
public struct KeyUseReport: Sendable, Equatable {
  /// The most uses in one message.
  public static let maximumUses = 50

  /// The life that made them, which may be an earlier one than the life that reports.
  public var boot: BootID
  /// The uses, by number.
  public var uses: [NumberedKeyUse]

  /// Makes a report of its parts.
  public init(boot: BootID, uses: [NumberedKeyUse]) {
    self.boot = boot
    self.uses = uses
  }
}

/// Up to where the coordinator has uses of one life of a node's process on disk.
public struct KeyUseMark: Sendable, Codable, Equatable {
  /// The life.
  public var boot: BootID
  /// The number of the last one.
  public var through: UInt64

  /// Makes a mark of its parts.
  public init(boot: BootID, through: UInt64) {
    self.boot = boot
    self.through = through
  }
}
