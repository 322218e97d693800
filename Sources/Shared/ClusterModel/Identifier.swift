// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation

/// An identifier that is a UUID; its text is lower case.
public protocol UUIDIdentifier: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  /// What it identifies, for error texts.
  static var kind: String { get }
  /// The UUID's text in lower case.
  var text: String { get }
  /// Makes an identifier of a UUID's text in lower case, already checked.
  init(checked text: String)
}

extension UUIDIdentifier {
  /// A fresh random identifier (UUID version 4).
  public static func random() -> Self { Self(checked: UUID().uuidString.lowercased()) }

  /// Checks a UUID's text; throws `ModelError` if it is none.
  public init(_ text: String) throws(ModelError) {
    guard text.utf8.count == 36, let uuid = UUID(uuidString: text) else {
      throw ModelError(.invalidIdentifier, "a \(Self.kind) has to be a UUID")
    }
    self.init(checked: uuid.uuidString.lowercased())
  }

  /// The UUID's text in lower case.
  public var description: String { text }

  /// Orders identifiers by their text.
  public static func < (left: Self, right: Self) -> Bool { left.text < right.text }

  /// Decodes and checks an identifier.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    do { try self.init(container.decode(String.self)) } catch let error as ModelError {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
    }
  }

  /// Encodes the identifier as its text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

/// One complete directory of a node's data with its keystore.
public struct GenerationID: UUIDIdentifier {
  /// What it identifies, for error texts.
  public static let kind = "generation id"
  /// The text.
  public let text: String
  /// Wraps a text that was checked already.
  public init(checked text: String) { self.text = text }
}

/// One plan of the coordinator.
public struct PlanID: UUIDIdentifier {
  /// What it identifies, for error texts.
  public static let kind = "plan id"
  /// The text.
  public let text: String
  /// Wraps a text that was checked already.
  public init(checked text: String) { self.text = text }
}

/// One command to one agent; stable across retries.
public struct CommandID: UUIDIdentifier {
  /// What it identifies, for error texts.
  public static let kind = "command id"
  /// The text.
  public let text: String
  /// Wraps a text that was checked already.
  public init(checked text: String) { self.text = text }
}

/// One life of a process: drawn anew at every start.
public struct BootID: UUIDIdentifier {
  /// What it identifies, for error texts.
  public static let kind = "boot id"
  /// The text.
  public let text: String
  /// Wraps a text that was checked already.
  public init(checked text: String) { self.text = text }
}

/// One collection of a database; a dropped and re-created collection gets a new one.
public struct CollectionID: UUIDIdentifier {
  /// What it identifies, for error texts.
  public static let kind = "collection id"
  /// The text.
  public let text: String
  /// Wraps a text that was checked already.
  public init(checked text: String) { self.text = text }
}

/// The identity of a master key: drawn when the key is made, never reused.
public struct MasterKeyID: UUIDIdentifier {
  /// What it identifies, for error texts.
  public static let kind = "master key id"
  /// The text.
  public let text: String
  /// Wraps a text that was checked already.
  public init(checked text: String) { self.text = text }
}

/// The identity of a database key, system key or oplog key: `<scope>.<uuid>`.
///
/// Keys are generations: a dropped and re-created database gets a new id, because WiredTiger keeps the key of an id for
/// the life of a connection.
public struct KeyID: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  /// The id's text, `<scope>.<uuid>`.
  public let text: String
  /// What the key encrypts.
  public var scope: KeyScope { KeyScope(keyIDPrefix: String(decoding: text.utf8.dropLast(37), as: UTF8.self)) }

  /// A fresh id for a key of `scope`.
  public static func random(for scope: KeyScope) -> KeyID {
    KeyID(checked: scope.keyIDPrefix + "." + UUID().uuidString.lowercased())
  }

  /// Checks an id's text; throws `ModelError` if it is none.
  public init(_ text: String) throws(ModelError) {
    let prefix = String(text.dropLast(37))
    let isScope = KeyScope.own.contains(prefix) || (try? DatabaseName(prefix)) != nil
    guard isScope, text.utf8.count <= 128, text.dropLast(36).last == ".",
      UUID(uuidString: String(text.suffix(36))) != nil
    else { throw ModelError(.invalidIdentifier, "a key id has to be <scope>.<uuid>") }
    self.text = text
  }

  private init(checked text: String) { self.text = text }

  /// The id's text.
  public var description: String { text }
  /// Orders ids by their text.
  public static func < (left: KeyID, right: KeyID) -> Bool { left.text < right.text }
}

/// What a key below the master key encrypts.
public enum KeyScope: Hashable, Sendable {
  /// WiredTiger's metadata and journal.
  case system
  /// The oplog.
  case oplog
  /// One database's files.
  case database(DatabaseName)

  /// The prefixes that are no database's.
  static let own: Set<String> = ["$system", "$oplog"]

  /// The part of a key id before the UUID; `system` and `oplog` carry a `$`, which no database name may.
  public var keyIDPrefix: String {
    switch self {
    case .system: "$system"
    case .oplog: "$oplog"
    case .database(let name): name.text
    }
  }

  init(keyIDPrefix: String) {
    switch keyIDPrefix {
    case "$system": self = .system
    case "$oplog": self = .oplog
    default: self = .database(DatabaseName(checked: keyIDPrefix))
    }
  }
}
