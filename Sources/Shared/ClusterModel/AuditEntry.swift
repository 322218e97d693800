// SPDX-License-Identifier: GPL-3.0-or-later

/// Who did what the audit record tells of.
public enum AuditParty: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The coordinator by itself.
  case coordinator
  /// An operator.
  case operatorKey(OperatorName)
  /// A node.
  case node(NodeName)

  /// `coordinator`, `operator NAME` or `node NAME`.
  public var description: String {
    switch self {
    case .coordinator: "coordinator"
    case .operatorKey(let name): "operator \(name)"
    case .node(let name): "node \(name)"
    }
  }

  /// Reads what `description` writes. Throws `ModelError` for any other text.
  public init(_ text: String) throws(ModelError) {
    let words = text.split(separator: " ", maxSplits: 1)
    switch (words.first, words.count) {
    case ("coordinator", 1): self = .coordinator
    case ("operator", 2): self = .operatorKey(try OperatorName(String(words[1])))
    case ("node", 2): self = .node(try NodeName(String(words[1])))
    default: throw ModelError(.invalidName, "\"\(text)\" is neither coordinator nor operator NAME nor node NAME")
    }
  }

  /// Decodes the text of `description`.
  public init(from decoder: any Decoder) throws {
    try self.init(try decoder.singleValueContainer().decode(String.self))
  }

  /// Encodes the text of `description`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// One thing that is kept for good: a decision of an operator, a use of a KMS key, a change of a key's state.
public struct AuditEntry: Sendable, Codable, Equatable {
  /// The longest text of an entry that is kept, in characters.
  public static let maximumTextLength = 1000

  /// When it happened.
  public var at: OperatorTime
  /// Who did it.
  public var by: AuditParty
  /// What was done: a command as typed, or `kms unwrap` and the like.
  public var action: String
  /// Whom or what it is about: a node, a cluster, a key.
  public var subject: String
  /// How it ended, with what was seen at that moment; never a secret.
  public var detail: String
  /// The KMS provider's own id of the request, to find it in the provider's log; nil where there was none.
  public var requestID: String?

  /// Makes an entry of its parts; texts longer than `maximumTextLength` are cut.
  public init(
    at: OperatorTime, by: AuditParty, action: String, subject: String, detail: String, requestID: String? = nil
  ) {
    self.at = at
    self.by = by
    self.action = String(action.prefix(Self.maximumTextLength))
    self.subject = String(subject.prefix(Self.maximumTextLength))
    self.detail = String(detail.prefix(Self.maximumTextLength))
    self.requestID = requestID.map { String($0.prefix(Self.maximumTextLength)) }
  }
}
