// SPDX-License-Identifier: GPL-3.0-or-later
internal import GRDB

/// The tables of the store and how older ones become the present ones.
enum StoreSchema {
  /// Marks a SQLite file as ours: "KFLD" in SQLite's `application_id`.
  static let applicationID: Int32 = 0x4B46_4C44

  /// Each entry brings the schema one version further; SQLite's `user_version` counts how many were done.
  static let migrations: [String] = [
    """
    CREATE TABLE records (
      kind TEXT NOT NULL, id TEXT NOT NULL, json BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
    CREATE TABLE secrets (id TEXT NOT NULL PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE epochs (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
    INSERT INTO epochs (one, number) VALUES (1, 0);
    """,
    """
    CREATE TABLE audit (
      sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL, party TEXT NOT NULL, action TEXT NOT NULL,
      subject TEXT NOT NULL, detail TEXT NOT NULL, request TEXT, hash BLOB NOT NULL);
    CREATE TABLE audit_base (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER NOT NULL, hash BLOB NOT NULL);
    INSERT INTO audit_base (one, sequence, hash) VALUES (1, 0, zeroblob(32));
    """,
  ]

  /// Checks that the database is sound, ours and not newer, and brings it up to date in one transaction.
  static func prepare(_ database: Database, path: String) throws {
    let found = try Int32.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
    guard found == applicationID || (found == 0 && version == 0 && tables == 0) else {
      throw StateStoreError(.foreign, path: path, "this is a database of something else; name another data directory")
    }
    guard version <= migrations.count else {
      throw StateStoreError(
        .newerSchema, path: path,
        "a newer Keyfold wrote schema version \(version), this one knows \(migrations.count); start the newer one")
    }
    let fault = try String.fetchOne(database, sql: "PRAGMA quick_check(1)")
    guard fault == "ok" else {
      throw StateStoreError(
        .damaged, path: path, "the database is damaged (\(fault ?? "no answer")); restore it from a copy")
    }
    guard version < migrations.count || found == 0 else { return }
    try database.inTransaction(.immediate) {
      for migration in migrations[max(0, version)...] { try database.execute(sql: migration) }
      if version == 1 { try StateStore.chainFormerDecisions(database, path: path) }
      try database.execute(sql: "PRAGMA application_id = \(applicationID)")
      try database.execute(sql: "PRAGMA user_version = \(migrations.count)")
      return .commit
    }
  }
}
