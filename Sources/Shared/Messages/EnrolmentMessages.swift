// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// What whoever holds a one-time token asks: let this node in by this key.
///
/// The token is the key of the connection, and stands in no message.
public struct EnrolNode: Sendable, Equatable {
  /// The node, as the token names it.
  public var node: NodeName
  /// The node's own CURVE public key in Z85.
  public var publicKey: String

  /// Makes a request of its parts.
  public init(node: NodeName, publicKey: String) {
    self.node = node
    self.publicKey = publicKey
  }
}

/// How an enrolment by a token ended.
public struct EnrolmentResult: Sendable, Equatable {
  /// Whether the node is enrolled with the key it named, now or since an earlier attempt.
  public var enrolled: Bool
  /// Why it is not, in a sentence; empty if it is.
  public var reason: String

  /// Makes a result of its parts.
  public init(enrolled: Bool, reason: String = "") {
    self.enrolled = enrolled
    self.reason = reason
  }
}
