// SPDX-License-Identifier: GPL-3.0-or-later
internal import AuditTrail
public import ClusterModel
internal import CoordinatorCore
internal import Foundation
internal import GRDB

/// The audit record: only ever appended to, each entry chained to all before it.
extension StateStore {
  /// How many entries are kept; the oldest beyond it go, and the chain begins after them. About 400 MB.
  public static let retainedAuditEntries = 1_000_000
  /// How many entries beyond `retainedAuditEntries` may gather before they go.
  static let auditSlack = 1000

  /// Where the chain ends.
  public func auditHead() throws(StateStoreError) -> AuditHead {
    try withQueue("reading the audit record") { queue in
      try queue.read { try Self.auditHead($0, path: self.path) }
    }
  }

  /// What the chain begins after; `AuditHead.empty` unless entries were kept long enough and are gone.
  public func auditBase() throws(StateStoreError) -> AuditHead {
    try withQueue("reading the audit record") { queue in
      try queue.read { try Self.auditBase($0, path: self.path) }
    }
  }

  /// Up to `limit` entries after the number `sequence`, oldest first; never more than a page.
  public func audit(after sequence: UInt64, limit: Int) throws(StateStoreError) -> [AuditLink] {
    let limit = min(max(limit, 0), AuditPage.maximumLinks)
    return try withQueue("reading the audit record") { queue in
      try queue.read { database in
        let rows = try Row.fetchCursor(
          database, sql: "SELECT * FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?",
          arguments: [Int64(clamping: sequence), limit])
        var links: [AuditLink] = []
        while let row = try rows.next() { links.append(try Self.link(of: row, path: self.path)) }
        return links
      }
    }
  }

  /// Appends entries, each chained to the one before, in the caller's transaction; drops what was kept long enough.
  static func append(_ database: Database, _ entries: [AuditEntry], path: String, retained: Int) throws {
    guard !entries.isEmpty else { return }
    var head = try auditHead(database, path: path)
    for entry in entries {
      let link: AuditLink
      do { link = try AuditChain.link(entry, after: head) } catch {
        throw StateStoreError(.storage, path: path, "the audit record can't be continued", underlying: error)
      }
      try database.execute(
        sql: """
          INSERT INTO audit (sequence, at, party, action, subject, detail, request, hash)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          Int64(clamping: link.sequence), entry.at.milliseconds, entry.by.description, entry.action, entry.subject,
          entry.detail, entry.requestID, Data(link.hash.bytes),
        ])
      head = link.head
    }
    try dropOldest(database, head: head, retained: retained, path: path)
  }

  private static func dropOldest(_ database: Database, head: AuditHead, retained: Int, path: String) throws {
    let base = try auditBase(database, path: path)
    guard head.sequence >= base.sequence else {
      throw StateStoreError(
        .damaged, path: path, "the audit record ends before it begins; restore the database from a copy")
    }
    guard head.sequence - base.sequence > UInt64(clamping: retained + auditSlack) else { return }
    let last = head.sequence - UInt64(clamping: retained)
    try database.execute(
      sql: "UPDATE audit_base SET sequence = ?, hash = (SELECT hash FROM audit WHERE sequence = ?) WHERE one = 1",
      arguments: [Int64(clamping: last), Int64(clamping: last)])
    try database.execute(sql: "DELETE FROM audit WHERE sequence <= ?", arguments: [Int64(clamping: last)])
  }

  /// Brings decisions that the first schema kept among the records into the chain.
  static func chainFormerDecisions(_ database: Database, path: String) throws {
    struct Former: Decodable {
      struct Moment: Decodable { let milliseconds: Int64 }
      let at: Moment
      let by: OperatorName
      let command: String
      let subject: String
      let what: String
    }
    var entries: [AuditEntry] = []
    let rows = try Row.fetchCursor(database, sql: "SELECT json FROM records WHERE kind = 'audit' ORDER BY id")
    while let row = try rows.next() {
      let value: DatabaseValue? = row["json"]
      guard let json = value.flatMap({ bytes($0) }) else { continue }
      let former = try JSONDecoder().decode(Former.self, from: Data(json))
      entries.append(
        AuditEntry(
          at: OperatorTime(milliseconds: former.at.milliseconds), by: .operatorKey(former.by), action: former.command,
          subject: former.subject, detail: former.what))
    }
    try append(database, entries, path: path, retained: retainedAuditEntries)
    try database.execute(sql: "DELETE FROM records WHERE kind = 'audit'")
  }

  private static func auditHead(_ database: Database, path: String) throws -> AuditHead {
    let row = try Row.fetchOne(database, sql: "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1")
    return try row.map { try head(of: $0, path: path) } ?? auditBase(database, path: path)
  }

  static func auditBase(_ database: Database, path: String) throws -> AuditHead {
    guard let row = try Row.fetchOne(database, sql: "SELECT sequence, hash FROM audit_base WHERE one = 1") else {
      throw StateStoreError(
        .damaged, path: path, "the beginning of the audit record is missing; restore it from a copy")
    }
    return try head(of: row, path: path)
  }

  private static func head(of row: Row, path: String) throws -> AuditHead {
    let number: Int64? = row["sequence"]
    let value: DatabaseValue? = row["hash"]
    guard let number, number >= 0, let hash = value.flatMap({ bytes($0) }).flatMap({ AuditHash($0) }) else {
      throw StateStoreError(.damaged, path: path, "a row of the audit record is malformed; restore it from a copy")
    }
    return AuditHead(sequence: UInt64(number), hash: hash)
  }

  static func link(of row: Row, path: String) throws -> AuditLink {
    let head = try head(of: row, path: path)
    let at: Int64? = row["at"]
    let texts: [String?] = [row["party"], row["action"], row["subject"], row["detail"]]
    let known = texts.compactMap { $0 }
    guard let at, known.count == texts.count, let party = try? AuditParty(known[0]) else {
      throw StateStoreError(
        .damaged, path: path, "audit entry \(head.sequence) is malformed; restore the database from a copy")
    }
    let entry = AuditEntry(
      at: OperatorTime(milliseconds: at), by: party, action: known[1], subject: known[2], detail: known[3],
      requestID: row["request"])
    return AuditLink(sequence: head.sequence, entry: entry, hash: head.hash)
  }
}
