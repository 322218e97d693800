// SPDX-License-Identifier: GPL-3.0-or-later
internal import Foundation

/// The name of a collection with its database, `database.collection`, checked when made.
public struct Namespace: Sendable, Hashable, CustomStringConvertible {
  /// The longest database name, in bytes (MongoDB's limit).
  public static let maximumDatabaseLength = 63
  /// The longest `database.collection`, in bytes (MongoDB's limit for unsharded collections).
  public static let maximumLength = 255

  /// The database's name.
  public let database: String
  /// The collection's name inside the database.
  public let collection: String

  /// `database.collection`.
  public var description: String { "\(database).\(collection)" }

  /// Checks both names by MongoDB's rules; throws `NamespaceError` with what is wrong.
  public init(database: String, collection: String) throws(NamespaceError) {
    try Namespace.check(database: database)
    if collection.isEmpty { throw NamespaceError("a collection name is empty") }
    let bytes = collection.utf8
    if bytes.contains(0) { throw NamespaceError("a collection name contains a NUL byte") }
    if bytes.contains(UInt8(ascii: "$")) { throw NamespaceError("collection name '\(collection)' contains '$'") }
    if bytes.first == UInt8(ascii: ".") || bytes.last == UInt8(ascii: ".") {
      throw NamespaceError("collection name '\(collection)' starts or ends with '.'")
    }
    if collection.hasPrefix("system.") {
      throw NamespaceError("collection name '\(collection)' is reserved: names starting with 'system.' are not allowed")
    }
    if database.utf8.count + 1 + bytes.count > Namespace.maximumLength {
      throw NamespaceError("'\(database).\(collection)' is longer than \(Namespace.maximumLength) bytes")
    }
    self.database = database
    self.collection = collection
  }

  /// Where the server keeps what sessions' retryable writes did.
  static let sessions = Namespace(reserved: "config", "transactions")

  private init(reserved database: String, _ collection: String) {
    self.database = database
    self.collection = collection
  }

  /// Whether a database's name has the one spelling under which new data may be written: two that look alike would be
  /// two databases.
  static func isComposed(_ database: String) -> Bool {
    database.utf8.allSatisfy { $0 < 0x80 }
      || database.precomposedStringWithCanonicalMapping.utf8.elementsEqual(database.utf8)
  }

  /// Checks a database name by MongoDB's rules; throws `NamespaceError` with what is wrong.
  public static func check(database: String) throws(NamespaceError) {
    let bytes = database.utf8
    if bytes.isEmpty { throw NamespaceError("a database name is empty") }
    if bytes.count > maximumDatabaseLength {
      throw NamespaceError("a database name has \(bytes.count) bytes, at most \(maximumDatabaseLength) are allowed")
    }
    for byte in bytes where byte <= 0x20 || byte == 0x7F || #"/\."$*<>:|?"#.utf8.contains(byte) {
      throw NamespaceError("database name '\(database)' contains a character that is not allowed")
    }
  }
}

/// A database or collection name that breaks MongoDB's rules for names.
public struct NamespaceError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong with the name.
  public let description: String

  /// Makes an error of a sentence.
  public init(_ description: String) { self.description = description }
}
