// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel

/// Who is on the other side of a connection, known by the CURVE key.
public enum PeerIdentity: Hashable, Sendable, CustomStringConvertible {
  /// A node's agent.
  case node(NodeName)
  /// An operator's command line.
  case `operator`(OperatorName)
  /// The coordinator.
  case coordinator
  /// Whoever holds a one-time token for a node's enrolment, known by the token's public half.
  case applicant(CurvePublicKey)

  /// The text form, `node:NAME`, `operator:NAME`, `token:KEY` or `coordinator`; the first part of the connection's
  /// User-Id.
  public var text: String {
    switch self {
    case .node(let name): "node:\(name)"
    case .operator(let name): "operator:\(name)"
    case .coordinator: "coordinator"
    case .applicant(let key): "token:\(key)"
    }
  }

  /// Reads the text form; nil if it is none.
  public init?(text: String) {
    if text == "coordinator" {
      self = .coordinator
    } else if text.hasPrefix("node:"), let name = try? NodeName(String(text.dropFirst(5))) {
      self = .node(name)
    } else if text.hasPrefix("operator:"), let name = try? OperatorName(String(text.dropFirst(9))) {
      self = .operator(name)
    } else if text.hasPrefix("token:"), let key = try? CurvePublicKey(String(text.dropFirst(6))) {
      self = .applicant(key)
    } else {
      return nil
    }
  }

  /// The text form.
  public var description: String { text }

  /// The node's name, nil for other peers.
  public var node: NodeName? {
    if case .node(let name) = self { name } else { nil }
  }
}
