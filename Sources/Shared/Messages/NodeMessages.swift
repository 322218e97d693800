// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
public import Secrets

/// What an agent says first on every connection: all it is, and the highest epoch it ever followed.
public struct Hello: Sendable, Equatable {
  /// The node's state.
  public var report: NodeReport
  /// The highest epoch the agent bound, nil if it never saw a coordinator.
  ///
  /// A coordinator restored from an old copy learns from it that it is old.
  public var highestEpoch: Epoch?

  /// Makes a hello of its parts.
  public init(report: NodeReport, highestEpoch: Epoch? = nil) {
    self.report = report
    self.highestEpoch = highestEpoch
  }
}

/// The keys of a node's keystore, in parts: a node may have 10,000.
public struct KeysReport: Sendable, Equatable {
  /// The most keys in one part; a longer one is refused by the decoder.
  public static let maximumKeysInPart = 2_000

  /// The generation whose keystore it is.
  public var generation: GenerationID
  /// The keystore's version; all parts of one report carry the same.
  public var keystoreVersion: UInt64
  /// The number of this part, from 0.
  public var part: UInt32
  /// Whether this is the last part.
  public var last: Bool
  /// The keys of this part.
  public var keys: [KeyReport]

  /// Makes one part of a report.
  public init(generation: GenerationID, keystoreVersion: UInt64, part: UInt32, last: Bool, keys: [KeyReport]) {
    self.generation = generation
    self.keystoreVersion = keystoreVersion
    self.part = part
    self.last = last
    self.keys = keys
  }

  /// Splits `keys` into as many parts as needed, at least one, the last marked.
  public static func parts(generation: GenerationID, keystoreVersion: UInt64, keys: [KeyReport]) -> [KeysReport] {
    let starts = Array(stride(from: 0, to: max(keys.count, 1), by: maximumKeysInPart))
    return starts.enumerated().map { number, start in
      KeysReport(
        generation: generation, keystoreVersion: keystoreVersion, part: UInt32(truncatingIfNeeded: number),
        last: number == starts.count - 1, keys: Array(keys[start..<min(start + maximumKeysInPart, keys.count)]))
    }
  }
}

/// What the coordinator tells a node after its hello, and again whenever it changes.
public struct Welcome: Sendable {
  /// The node's assignment.
  public var assignment: NodeAssignment
  /// The secret part of the KMS credentials, nil where none are set or the node may not have them.
  ///
  /// Never written to the node's disk.
  public var kmsSecret: Secret?
  /// How often the node sends a heartbeat, in milliseconds.
  public var heartbeatMilliseconds: UInt32
  /// The secrets of the former settings that the assignment names. Never written to the node's disk.
  public var formerSecrets: [FormerSecret]
  /// Whether the coordinator says when calls to the KMS may be made; an older one does not.
  public var givesStartSlots: Bool

  /// Makes a welcome of its parts.
  public init(
    assignment: NodeAssignment, kmsSecret: Secret?, heartbeatMilliseconds: UInt32, formerSecrets: [FormerSecret] = [],
    givesStartSlots: Bool = false
  ) {
    self.givesStartSlots = givesStartSlots
    self.assignment = assignment
    self.kmsSecret = kmsSecret
    self.heartbeatMilliseconds = heartbeatMilliseconds
    self.formerSecrets = formerSecrets
  }
}

/// The secret part of the credentials of former settings.
public struct FormerSecret: Sendable {
  /// The settings' version.
  public var settingsVersion: UInt64
  /// The secret, nil if their credentials have none.
  public var secret: Secret?

  /// Makes a secret of its parts.
  public init(settingsVersion: UInt64, secret: Secret?) {
    self.settingsVersion = settingsVersion
    self.secret = secret
  }
}
