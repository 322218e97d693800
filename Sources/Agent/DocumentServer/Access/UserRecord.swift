// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Documents
internal import Sealing

extension Namespace {
  /// Where users are kept. Drivers can't name it: `Namespace` refuses collections that begin with `system.`.
  static let users = Namespace(system: "system.users", in: "admin")

  private init(system collection: String, in database: String) {
    self.database = database
    self.collection = collection
  }
}

/// A user as kept in `admin.system.users`, with what checks the password.
struct UserRecord: Sendable {
  /// The user as everybody may see it.
  var user: DriverUser
  var credential: ScramCredential
  /// Drawn when the user is made: a user removed and made again is another one, and old logins don't count.
  var identity: String
  /// The request that wrote the record last, so that a request that is repeated changes nothing.
  var request: String

  /// The key of a user's record; it always has a dot.
  static func key(of name: DriverUserName) throws -> [UInt8] { try DocumentKey(.string(name.description)).bytes }

  var document: Document {
    [
      "_id": .string(user.name.description), "db": .string(user.name.database.text), "user": .string(user.name.name),
      "role": .string(user.role.rawValue), "identity": .string(identity), "request": .string(request),
      "SCRAM-SHA-256": .binary(subtype: 0, bytes: credential.encoded),
    ]
  }

  /// Reads a record; nil if it is none this version knows: such a user can't log in, all others can.
  init?(_ document: Document) {
    guard case .string(let database)? = document["db"], case .string(let name)? = document["user"],
      case .string(let role)? = document["role"], case .string(let identity)? = document["identity"],
      case .string(let request)? = document["request"], case .binary(_, let credential)? = document["SCRAM-SHA-256"],
      let role = DriverRole(rawValue: role), let credential = try? ScramCredential(encoded: credential),
      let database = try? DatabaseName(database), let name = try? DriverUserName(database: database, name: name)
    else { return nil }
    self.init(
      user: DriverUser(name: name, role: role), credential: credential, identity: identity, request: request)
  }

  init(user: DriverUser, credential: ScramCredential, identity: String, request: String) {
    self.user = user
    self.credential = credential
    self.identity = identity
    self.request = request
  }
}

/// The one record beside the users': the secret from which the challenges of users that don't exist are made. All
/// members share it, so that asking two of them, or one again later, does not tell who exists.
enum DecoyRecord {
  /// Bytes of the secret.
  static let secretBytes = 32
  /// Has no dot, so no user's record has it.
  private static let id = "decoy"

  static func key() throws -> [UInt8] { try DocumentKey(.string(id)).bytes }

  static func document(_ secret: [UInt8]) -> Document {
    ["_id": .string(id), "secret": .binary(subtype: 0, bytes: secret)]
  }

  static func secret(in document: Document) -> [UInt8]? {
    guard document["_id"] == .string(id), case .binary(_, let secret)? = document["secret"],
      secret.count == secretBytes
    else { return nil }
    return secret
  }
}
