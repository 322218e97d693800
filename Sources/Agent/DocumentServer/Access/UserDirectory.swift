// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Documents
internal import Sealing

/// All users of a cluster as they were at one moment.
struct UserDirectory: Sendable {
  private(set) var records: [DriverUserName: UserRecord] = [:]
  private(set) var decoySecret: [UInt8]?
  /// Whether anybody has to log in: from the first user on. Records nobody can read count too.
  private(set) var isEnabled = false

  init() {}

  /// Reads everything; on a storage thread.
  init(reading transaction: any ReadTransaction) throws {
    guard let collection = try transaction.collection(.users) else { return }
    var (records, decoy, isEnabled) = (self.records, self.decoySecret, false)
    try transaction.scan(collection, after: nil) { _, bytes in
      isEnabled = true
      guard let document = Document(stored: bytes) else { return true }
      if let secret = DecoyRecord.secret(in: document) {
        decoy = secret
      } else if let record = UserRecord(document) {
        records[record.user.name] = record
      }
      return true
    }
    (self.records, decoySecret, self.isEnabled) = (records, decoy, isEnabled)
  }

  /// The user of a login that is still the one who logged in.
  func user(of login: AccessSession.Login) -> DriverUser? {
    guard let record = records[login.name], record.identity == login.identity else { return nil }
    return record.user
  }

  var users: [DriverUser] { records.values.map(\.user).sorted { $0.name < $1.name } }
}
