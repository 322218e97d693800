// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// A logical session of a driver: the UUID it made (`lsid`), and whose it is.
struct SessionID: Sendable, Hashable {
  /// How long a session lives after its last use; drivers are told and stop using it a minute before.
  static let timeoutMinutes = 30

  let uuid: [UInt8]
  /// The user it belongs to; empty as long as nobody has to say who he is. Two users never share a session.
  let user: String

  /// A session that a driver asked for.
  static func random() -> SessionID {
    var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
    bytes[6] = bytes[6] & 0x0F | 0x40
    bytes[8] = bytes[8] & 0x3F | 0x80
    return SessionID(uuid: bytes)
  }

  private init(uuid: [UInt8], user: String = "") {
    self.uuid = uuid
    self.user = user
  }

  /// A session as it stands in a row.
  init(stored uuid: [UInt8], user: String) { self.init(uuid: uuid, user: user) }

  /// Reads an `lsid`; throws a `CommandError` unless it is `{id: UUID}`.
  init(_ document: Document, owner: String, user: String = "") throws(CommandError) {
    var fields = try CommandArguments(document, owner: owner)
    guard let id = fields.value("id") else { throw fields.missing("id") }
    try fields.finish()
    guard case .binary(subtype: 4, let bytes) = id, bytes.count == 16 else {
      throw CommandError(.typeMismatch, "\(owner): the session's id has to be a UUID (binary of subtype 4)")
    }
    self.init(uuid: bytes, user: user)
  }

  /// The session as a driver names it.
  var value: BSONValue { ["id": .binary(subtype: 4, bytes: uuid)] }
}
