// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Documents
internal import Foundation
public import Sealing
internal import Secrets

/// What an operator wants done with the users of a cluster.
public enum UserOrder: Sendable {
  /// Make a user.
  case create(DriverUser, ScramCredential)
  /// Take a user away; open connections lose their rights at once.
  case remove(DriverUserName)
  /// Give a user another password; open connections stay.
  case setPassword(DriverUserName, ScramCredential)
  /// List all users.
  case list
}

/// Why an order was not carried out; trying again does not help.
public struct UserRefusal: Error, Sendable, Equatable {
  /// The kinds of refusal.
  public enum Code: Sendable, Equatable {
    /// There is such a user already.
    case exists
    /// There is no such user.
    case notFound
    /// It is the only user: without one, everybody could come in.
    case lastUser
    /// There are as many users as there may be.
    case tooMany
  }

  /// The kind.
  public let code: Code

  /// Makes a refusal of a kind.
  public init(_ code: Code) { self.code = code }
}

/// Carries out orders on the users of a cluster, through the replicated log like any other write.
public enum UserOrders {
  /// The most users of a cluster; every member keeps all of them in memory.
  public static let maximumUsers = 10_000

  /// Carries out an order and answers all users as they are then. A request that was carried out before changes
  /// nothing.
  ///
  /// Throws `UserRefusal`, or `EngineError` (`notPrimary` on a secondary).
  public static func perform(
    _ order: UserOrder, request: CommandID, on engine: any DocumentEngine
  ) async throws -> [DriverUser] {
    if case .list = order { return try await engine.read { try UserDirectory(reading: $0).users } }
    let fresh = try SecretBytes.random(count: DecoyRecord.secretBytes).unprotectedCopy()
    let identity = UUID().uuidString
    return try await engine.write { transaction in
      var directory = try UserDirectory(reading: transaction)
      if directory.knows(request, order) { return directory.users }
      try directory.check(order)
      let collection = try transaction.collection(.users) ?? transaction.createCollection(.users)
      if directory.decoySecret == nil {
        try transaction.put(collection, key: try DecoyRecord.key(), document: DecoyRecord.document(fresh).bytes)
      }
      switch order {
      case .create(let user, let credential):
        try put(
          UserRecord(user: user, credential: credential, identity: identity, request: request.text), transaction,
          collection)
      case .setPassword(let name, let credential):
        guard var record = directory.records[name] else { break }
        record.credential = credential
        record.request = request.text
        try put(record, transaction, collection)
      case .remove(let name): try transaction.remove(collection, key: try UserRecord.key(of: name))
      case .list: break
      }
      directory = try UserDirectory(reading: transaction)
      return directory.users
    }
  }

  private static func put(
    _ record: UserRecord, _ transaction: any WriteTransaction, _ collection: CollectionHandle
  ) throws {
    try transaction.put(
      collection, key: try UserRecord.key(of: record.user.name), document: record.document.bytes)
  }
}

extension UserDirectory {
  /// Whether a request has written the record it is about already.
  fileprivate func knows(_ request: CommandID, _ order: UserOrder) -> Bool {
    switch order {
    case .create(let user, _): records[user.name]?.request == request.text
    case .setPassword(let name, _): records[name]?.request == request.text
    case .remove, .list: false
    }
  }

  fileprivate func check(_ order: UserOrder) throws(UserRefusal) {
    switch order {
    case .create(let user, _):
      if records[user.name] != nil { throw UserRefusal(.exists) }
      if records.count >= UserOrders.maximumUsers { throw UserRefusal(.tooMany) }
    case .setPassword(let name, _): if records[name] == nil { throw UserRefusal(.notFound) }
    case .remove(let name):
      if records[name] == nil { throw UserRefusal(.notFound) }
      if records.count == 1 { throw UserRefusal(.lastUser) }
    case .list: break
    }
  }
}
