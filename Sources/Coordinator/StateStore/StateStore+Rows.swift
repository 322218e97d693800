// SPDX-License-Identifier: GPL-3.0-or-later
internal import CoordinatorCore
internal import Foundation
internal import GRDB

/// Between rows and values, and between SQLite's errors and ours.
extension StateStore {
  static var configuration: Configuration {
    var configuration = Configuration()
    configuration.label = "keyfold.store"
    configuration.journalMode = .wal
    // The lock file keeps other coordinators out; a copy being made may hold the database for a moment.
    configuration.busyMode = .timeout(5)
    return configuration
  }

  static func record(of row: Row, path: String) throws -> StateRecord {
    let kind: String? = row["kind"]
    let id: String? = row["id"]
    let value: DatabaseValue? = row["json"]
    guard let kind, let id, let value, let json = bytes(value) else {
      throw StateStoreError(.damaged, path: path, "a row of the table records is malformed; restore it from a copy")
    }
    guard let known = RecordKind(rawValue: kind) else {
      throw StateStoreError(
        .newerSchema, path: path,
        "the record \(kind)/\(id) is of a kind this Keyfold does not know; start the newer one")
    }
    do { return try StateRecord(key: RecordKey(kind: known, id: id), json: json) } catch {
      throw StateStoreError(
        .damaged, path: path, "the record \(kind)/\(id) can't be read; restore it from a copy", underlying: error)
    }
  }

  /// A record's key and JSON, nil JSON for one that goes; nil for what is no record.
  func encoded(_ change: RecordChange) throws(StateStoreError) -> (RecordKey, Data?)? {
    switch change {
    case .append: return nil
    case .remove(let key): return (key, nil)
    case .put(let record):
      let key = record.key
      let json: [UInt8]
      do { json = try record.json() } catch {
        throw StateStoreError(
          .invalid, path: path, "the record \(key.kind.rawValue)/\(key.id) has no JSON", underlying: error)
      }
      guard json.count <= Self.maximumRecordLength else {
        throw StateStoreError(
          .invalid, path: path,
          "the record \(key.kind.rawValue)/\(key.id) has \(json.count) bytes, more than \(Self.maximumRecordLength)")
      }
      return (key, Data(json))
    }
  }

  static func write(_ database: Database, _ key: RecordKey, _ json: Data?) throws {
    if let json {
      try database.execute(
        sql:
          """
          INSERT INTO records (kind, id, json) VALUES (?, ?, ?)
          ON CONFLICT (kind, id) DO UPDATE SET json = excluded.json
          """,
        arguments: [key.kind.rawValue, key.id, json])
    } else {
      try database.execute(
        sql: "DELETE FROM records WHERE kind = ? AND id = ?", arguments: [key.kind.rawValue, key.id])
    }
  }

  static func write(_ database: Database, _ change: SecretChange) throws {
    switch change {
    case .put(let id, let sealed):
      try database.execute(
        sql: "INSERT INTO secrets (id, sealed) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET sealed = excluded.sealed",
        arguments: [id, Data(sealed)])
    case .remove(let id): try database.execute(sql: "DELETE FROM secrets WHERE id = ?", arguments: [id])
    }
  }

  static func bytes(_ value: DatabaseValue) -> [UInt8]? { Data.fromDatabaseValue(value).map { [UInt8]($0) } }

  /// Runs `body` and turns whatever it throws into `StateStoreError`.
  static func guarding<Value>(
    _ path: String, _ doing: String, _ body: () throws -> Value
  ) throws(StateStoreError) -> Value {
    do { return try body() } catch let error as StateStoreError { throw error } catch let error as DatabaseError {
      throw translate(error, path: path, doing: doing)
    } catch { throw StateStoreError(.storage, path: path, "\(doing) failed", underlying: error) }
  }

  private static func translate(_ error: DatabaseError, path: String, doing: String) -> StateStoreError {
    let (code, next): (StateStoreError.Code, String) =
      switch error.resultCode.primaryResultCode {
      case .SQLITE_CORRUPT, .SQLITE_NOTADB: (.damaged, "the database is damaged; restore it from a copy")
      case .SQLITE_BUSY, .SQLITE_LOCKED: (.locked, "another process holds the database; stop it first")
      case .SQLITE_FULL: (.storage, "the disk is full; make room and start again")
      default: (.storage, "look at the disk and the file's permissions")
      }
    let words = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
    return StateStoreError(code, path: path, "\(doing) failed: \(words); \(next)")
  }
}
