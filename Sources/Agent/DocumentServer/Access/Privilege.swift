// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// The right a command needs.
enum Privilege: Sendable, Equatable {
  /// Anybody may, logged in or not, as in MongoDB.
  case none
  /// Whoever is logged in may.
  case anyUser
  /// A right in the command's database.
  case database(Action)

  enum Action: Sendable, Equatable, CaseIterable {
    case read, write, administer
  }

  /// What each command needs; what is not listed is an administrator's, so that a command added later is not open.
  static func needed(for command: String) -> Privilege {
    switch command {
    case "hello", "isMaster", "ismaster", "ping", "buildInfo", "buildinfo", "saslStart", "saslContinue", "authenticate",
      "logout", "connectionStatus":
      .none
    case "endSessions", "startSession", "refreshSessions", "killSessions", "listDatabases", "abortTransaction",
      "commitTransaction":
      .anyUser
    case "find", "getMore", "killCursors", "count", "distinct", "aggregate", "listCollections",
      "listIndexes":
      .database(.read)
    case "insert", "update", "delete", "findAndModify", "findandmodify", "create", "drop", "createIndexes",
      "dropIndexes":
      .database(.write)
    default: .database(.administer)
    }
  }
}

extension DriverRole {
  /// Whether the role includes a right in the user's own database.
  func allows(_ action: Privilege.Action) -> Bool {
    switch self {
    case .admin: true
    case .readWrite: action != .administer
    case .read: action == .read
    }
  }
}

extension DriverUser {
  /// Whether the user may do everything in every database.
  var isClusterAdmin: Bool { role == .admin && name.database.text == "admin" }

  /// Whether the user has a right in a database.
  func may(_ action: Privilege.Action, in database: String) -> Bool {
    // By bytes, as databases are stored: Swift's == takes two spellings of one letter for the same.
    isClusterAdmin || (name.database.text.utf8.elementsEqual(database.utf8) && role.allows(action))
  }
}
