// SPDX-License-Identifier: GPL-3.0-or-later

/// What a user may do in the user's database.
public enum DriverRole: String, Sendable, Codable, CaseIterable {
  /// Reads the database.
  case read
  /// Reads and writes the database, and makes and drops its collections.
  case readWrite
  /// May do everything in the database; on the database `admin`, everything in every database.
  case admin
}

/// Who logs in: a name within the database that the user belongs to and authenticates against.
public struct DriverUserName: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// The longest name without the database, in UTF-8 bytes.
  public static let maximumLength = 128

  /// The database the user belongs to, a driver's `authSource`.
  public let database: DatabaseName
  /// The name in that database.
  public let name: String

  /// Checks a name: 1 to 128 bytes without control characters. Throws `ModelError`.
  public init(database: DatabaseName, name: String) throws(ModelError) {
    guard !name.isEmpty else { throw ModelError(.invalidName, "a user name is empty") }
    guard name.utf8.count <= Self.maximumLength else {
      throw ModelError(
        .invalidName, "a user name has \(name.utf8.count) bytes, at most \(Self.maximumLength) are allowed")
    }
    guard !name.unicodeScalars.contains(where: { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) }) else {
      throw ModelError(.invalidName, "a user name has a control character")
    }
    self.database = database
    self.name = name
  }

  /// Reads `DATABASE.NAME`; the name may have dots of its own. Throws `ModelError`.
  public init(_ text: String) throws(ModelError) {
    guard let dot = text.firstIndex(of: ".") else {
      throw ModelError(.invalidName, "a user is named DATABASE.NAME; there is no dot")
    }
    try self.init(database: try DatabaseName(String(text[..<dot])), name: String(text[text.index(after: dot)...]))
  }

  /// `DATABASE.NAME`.
  public var description: String { "\(database).\(name)" }

  /// Whether both have the same bytes; two spellings of one letter are two names.
  public static func == (left: DriverUserName, right: DriverUserName) -> Bool {
    left.database == right.database && left.name.utf8.elementsEqual(right.name.utf8)
  }

  /// Hashes the bytes.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(database)
    for byte in name.utf8 { hasher.combine(byte) }
  }

  /// Orders by database, then by the bytes of the name.
  public static func < (left: DriverUserName, right: DriverUserName) -> Bool {
    left.database == right.database
      ? left.name.utf8.lexicographicallyPrecedes(right.name.utf8) : left.database < right.database
  }

  /// Decodes and checks `DATABASE.NAME`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    do { try self.init(container.decode(String.self)) } catch let error as ModelError {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
    }
  }

  /// Encodes `DATABASE.NAME`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

/// A user of a cluster as everybody may see it: never with anything of the password.
public struct DriverUser: Sendable, Codable, Equatable {
  /// Who it is.
  public var name: DriverUserName
  /// What the user may do in the user's database.
  public var role: DriverRole

  /// Makes a user of its parts.
  public init(name: DriverUserName, role: DriverRole) {
    self.name = name
    self.role = role
  }
}
