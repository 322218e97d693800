// SPDX-License-Identifier: GPL-3.0-or-later

/// A name that was checked when it was made, so that two kinds can't be swapped and none needs checking twice.
public protocol CheckedName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  /// What the name names, for error texts: "node name".
  static var kind: String { get }
  /// The longest name allowed, in UTF-8 bytes.
  static var maximumLength: Int { get }
  /// The name itself.
  var text: String { get }
  /// Makes a name of text that `check` has accepted.
  init(checked text: String)
  /// Whether one UTF-8 byte may stand in a name; `first` is true for the first byte.
  static func allows(_ byte: UInt8, first: Bool) -> Bool
}

extension CheckedName {
  /// Checks `text` and makes the name; throws `ModelError` with what is wrong with it.
  public init(_ text: String) throws(ModelError) {
    if let fault = Self.fault(in: text) { throw ModelError(.invalidName, fault) }
    self.init(checked: text)
  }

  /// The name itself.
  public var description: String { text }

  /// Orders names by their bytes.
  public static func < (left: Self, right: Self) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }

  /// Decodes and checks a name.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    if let fault = Self.fault(in: text) {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: fault)
    }
    self.init(checked: text)
  }

  /// Encodes the name as its text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }

  /// Letters, digits and, after the first byte, `-`, `_` and `.`.
  public static func allows(_ byte: UInt8, first: Bool) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): !first
    default: false
    }
  }

  private static func fault(in text: String) -> String? {
    let bytes = Array(text.utf8)
    let name = ("aeiou".contains(kind.prefix(1)) ? "an " : "a ") + kind
    if bytes.isEmpty { return "\(name) is empty" }
    if bytes.count > maximumLength { return "\(name) has \(bytes.count) bytes, at most \(maximumLength) are allowed" }
    for (offset, byte) in bytes.enumerated() where !allows(byte, first: offset == 0) {
      return "\(name) has a character that is not allowed at byte \(offset)"
    }
    return nil
  }
}

/// The name of a project, the unit that owns KMS settings and clusters.
public struct ProjectName: CheckedName {
  /// What it names, for error texts.
  public static let kind = "project name"
  /// The longest name, in bytes.
  public static let maximumLength = 64
  /// The name itself.
  public let text: String
  /// Wraps a name that was checked already.
  public init(checked text: String) { self.text = text }
}

/// The name of a cluster, unique in the coordinator.
public struct ClusterName: CheckedName {
  /// What it names, for error texts.
  public static let kind = "cluster name"
  /// The longest name, in bytes.
  public static let maximumLength = 64
  /// The name itself.
  public let text: String
  /// Wraps a name that was checked already.
  public init(checked text: String) { self.text = text }
}

/// The name of a node, unique in the coordinator: one agent process is one node.
public struct NodeName: CheckedName {
  /// What it names, for error texts.
  public static let kind = "node name"
  /// The longest name, in bytes.
  public static let maximumLength = 64
  /// The name itself.
  public let text: String
  /// Wraps a name that was checked already.
  public init(checked text: String) { self.text = text }
}

/// The name of an operator, known by a CURVE key.
public struct OperatorName: CheckedName {
  /// What it names, for error texts.
  public static let kind = "operator name"
  /// The longest name, in bytes.
  public static let maximumLength = 64
  /// The name itself.
  public let text: String
  /// Wraps a name that was checked already.
  public init(checked text: String) { self.text = text }
}

/// The name of a database as drivers use it; MongoDB's rules: no `/\. "$*<>:|?`, no NUL, fewer than 64 bytes.
public struct DatabaseName: CheckedName {
  /// What it names, for error texts.
  public static let kind = "database name"
  /// The longest name, in bytes.
  public static let maximumLength = 63
  /// The name itself.
  public let text: String
  /// Wraps a name that was checked already.
  public init(checked text: String) { self.text = text }

  /// Every byte but those MongoDB refuses in a database name.
  public static func allows(_ byte: UInt8, first: Bool) -> Bool {
    byte > 0x20 && byte != 0x7F && !#"/\."$*<>:|?"#.utf8.contains(byte)
  }
}
